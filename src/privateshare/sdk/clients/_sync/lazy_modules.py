# Generated from `sdk/clients/_async/lazy_modules.py` by `make sync-client`. Do not edit.
"""The modules that the calls of the blocking client use. Each is imported when one of its names is first used.

Importing all of them takes 200 to 300 ms, for pydantic, cryptography and httpx2. Annotations name types through these
modules, as in `messages.Session`, so that `typing.get_type_hints` can resolve them.
"""

from typing import TYPE_CHECKING

from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    from privateshare.protocol import discovery as discovery
    from privateshare.protocol import messages as messages
    from privateshare.sdk import core as core
    from privateshare.sdk import flow as flow
    from privateshare.sdk import loopback as loopback
    from privateshare.sdk import token_stores as token_stores
    from privateshare.sdk.clients._sync import reading_handle as reading_handle
    from privateshare.sdk.clients._sync import users as users
    from privateshare.sdk.concurrency import on_threads as on_threads
    from privateshare.sdk.drivers._sync import driver as driver
    from privateshare.sdk.files import file as file
    from privateshare.sdk.files import file_receiver as file_receiver
    from privateshare.sdk.flows import accounts as accounts
    from privateshare.sdk.flows import catalogue_queries as catalogue_queries
    from privateshare.sdk.flows import contracts as contracts
    from privateshare.sdk.flows import oauth as oauth
    from privateshare.sdk.flows import pages as pages
    from privateshare.sdk.flows import push as push
    from privateshare.sdk.flows import references as references
    from privateshare.sdk.flows import sessions as sessions
    from privateshare.sdk.flows import storage as storage
    from privateshare.sdk.http import call_log as call_log
    from privateshare.sdk.http._sync import httpx_transport as httpx_transport
    from privateshare.sdk.reading import file_reader as file_reader
else:
    discovery = LazyModule("privateshare.protocol.discovery")
    messages = LazyModule("privateshare.protocol.messages")
    reading_handle = LazyModule("privateshare.sdk.clients._sync.reading_handle")
    users = LazyModule("privateshare.sdk.clients._sync.users")
    on_threads = LazyModule("privateshare.sdk.concurrency.on_threads")
    core = LazyModule("privateshare.sdk.core")
    driver = LazyModule("privateshare.sdk.drivers._sync.driver")
    file = LazyModule("privateshare.sdk.files.file")
    file_receiver = LazyModule("privateshare.sdk.files.file_receiver")
    flow = LazyModule("privateshare.sdk.flow")
    accounts = LazyModule("privateshare.sdk.flows.accounts")
    catalogue_queries = LazyModule("privateshare.sdk.flows.catalogue_queries")
    contracts = LazyModule("privateshare.sdk.flows.contracts")
    oauth = LazyModule("privateshare.sdk.flows.oauth")
    pages = LazyModule("privateshare.sdk.flows.pages")
    push = LazyModule("privateshare.sdk.flows.push")
    references = LazyModule("privateshare.sdk.flows.references")
    sessions = LazyModule("privateshare.sdk.flows.sessions")
    storage = LazyModule("privateshare.sdk.flows.storage")
    call_log = LazyModule("privateshare.sdk.http.call_log")
    httpx_transport = LazyModule("privateshare.sdk.http._sync.httpx_transport")
    file_reader = LazyModule("privateshare.sdk.reading.file_reader")
    loopback = LazyModule("privateshare.sdk.loopback")
    token_stores = LazyModule("privateshare.sdk.token_stores")
