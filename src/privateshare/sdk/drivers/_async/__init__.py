"""The driver of the asyncio client."""
