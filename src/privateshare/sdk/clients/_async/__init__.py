"""The parts of the asyncio client that apps use."""
