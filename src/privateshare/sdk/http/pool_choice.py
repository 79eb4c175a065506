"""Chooses the transfer pools of a reading.

With `privateshare[fast]` a thread has many transfers at once, through libcurl. Without it, it has one at a time.
"""

from os import cpu_count
from typing import Any

from privateshare.sdk.http.transfer_pool import SingleTransferPool, TransferPool
from privateshare.sdk.http.transport import BlockingTransport


def make_transfer_pools(
    url: str, timeout: float, parallel: int, transport: BlockingTransport
) -> list[TransferPool[Any]]:
    """Make a pool for each thread that is worth having.

    Args:
        url: The address of the platform's API. It decides on the proxy.
        timeout: The seconds that connecting may take, and the pause between two pieces of a response.
        parallel: How many transfers the pools have together.
        transport: Sends the requests if libcurl is not installed.
    """
    try:
        from privateshare.sdk.http.curl_pool import CurlSettings, CurlTransferPool
    except ModuleNotFoundError:
        return [SingleTransferPool(transport) for _ in range(parallel)]
    threads = min(cpu_count() or 1, parallel)
    settings = CurlSettings.of_environment(url, timeout)
    return [CurlTransferPool(settings, -(-parallel // threads)) for _ in range(threads)]
