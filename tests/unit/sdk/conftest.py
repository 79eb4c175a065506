"""What tests of the SDK share."""

import sys

import pytest


@pytest.fixture(params=["libcurl", "httpx2"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with the extra `fast`, and as where it is not installed."""
    if request.param == "httpx2":
        monkeypatch.setitem(sys.modules, "pycurl", None)
    else:
        pytest.importorskip("pycurl")
