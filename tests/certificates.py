"""TLS contexts that HTTP clients share.

An HTTP client loads the certificates that this machine trusts, which takes 25 ms of CPU. The tests make thousands of
clients, so those of one process with the same settings share what was loaded. Importing this module arranges that.
"""

import os
import ssl
from functools import cache

import httpcore2

_default_ssl_context = httpcore2.default_ssl_context


@cache
def _load_certificates(trust_env: bool, file: str | None, folder: str | None) -> ssl.SSLContext:
    return _default_ssl_context(_trust_env=trust_env)


def _shared_ssl_context(*, _trust_env: bool = True) -> ssl.SSLContext:
    return _load_certificates(_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


httpcore2.default_ssl_context = _shared_ssl_context
