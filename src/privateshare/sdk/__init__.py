"""What an app imports. Apps use the names of `privateshare`; the modules here may change.

From top to bottom, each imports only what is below it:

- `clients`: the calls of both clients. The folder `_sync` is generated from `_async`.
- `tables`: files as data frames.
- `reading`: `read_all_files`, with its download workers and manifest.
- `drivers`: run flows and refresh tokens.
- `flows`: every call as a generator that yields requests and receives responses.
- `core`, `flow`: what flows share, and what they can yield.
- `files`: receive, decrypt and check a file.
- `http`: transports, transfer pools, limits of responses, proxies and certificates.
- `concurrency`: the few operations that differ between asyncio and threads.
- `token_stores`, `tokens`, `consent`, `uploads`, `local_files`, `configuration`: plain parts.
"""
