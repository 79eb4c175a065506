"""Private keys that clients share.

A client that loads its private key checks the numbers in it, which takes 40 ms of CPU. The tests make thousands of
clients with a few keys, so those of one process share what was loaded. Importing this module arranges that.
"""

from functools import cache

from cryptography.hazmat.primitives import serialization

serialization.load_pem_private_key = cache(serialization.load_pem_private_key)  # type: ignore[assignment]
