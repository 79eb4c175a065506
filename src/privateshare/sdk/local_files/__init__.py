"""Files on this machine: names that are safe on every system, and files that only their owner can read."""
