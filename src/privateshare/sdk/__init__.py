"""What an app imports: the same flows, driven by a blocking client and by an asyncio one."""
