"""The consent routes of web apps on asyncio."""
