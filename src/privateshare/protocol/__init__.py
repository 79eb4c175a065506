"""The language that apps and the platform share: pure functions on plain values, no I/O and no clock."""
