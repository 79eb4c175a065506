"""A platform in memory, for the tests of apps: it follows the protocol on loopback, without a database or a browser.

    def test_my_app(privateshare_platform):
        privateshare_platform.lend("playhistory", [{"entityid": "1", "createddate": 1700000000000}])
        app = privateshare_platform.client()
        asked = app.get_authorize_url("http://127.0.0.1/return")
        returned = app.read_return(privateshare_platform.consent(asked.url))

The fixture comes with `pytest_plugins = ["privateshare.testing"]` in your conftest.py; without pytest, use
`with InMemoryPlatform() as platform`. It answers unknown calls with 404, as the platform does.
"""

from collections.abc import Iterator

from privateshare.testing.platform import InMemoryPlatform
from privateshare.testing.state import Pushed

__all__ = ["InMemoryPlatform", "Pushed"]

try:
    import pytest
except ModuleNotFoundError:  # The fixture is a convenience for those who use pytest.
    pass
else:

    @pytest.fixture
    def privateshare_platform() -> Iterator[InMemoryPlatform]:
        """Run a platform in memory for one test."""
        with InMemoryPlatform() as platform:
            yield platform
