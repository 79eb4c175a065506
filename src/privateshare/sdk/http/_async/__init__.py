"""The transport of the asyncio client."""
