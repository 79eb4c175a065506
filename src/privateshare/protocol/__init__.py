"""The Private Share protocol: messages, encryption, signatures and rules, as pure functions without I/O or a clock.

The SDK and the platform both build on this package.
"""
