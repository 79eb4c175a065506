"""What `read_return` makes of the address that a person came back to. Protocol 8.3."""

import pytest

from privateshare import (
    AuthorizationFailed,
    ConsentDeclined,
    ConsentLinkInvalid,
    ConsentPageFailed,
    Returned,
    SourceNotConnected,
    UnexpectedReturn,
)
from privateshare.sdk.consent import read_return

pytestmark = pytest.mark.protocol("8.3")

APP = "https://app.example/return?user=17&"


def failure(query: str, state: str | None = "s") -> AuthorizationFailed:
    """The error that an address raises."""
    with pytest.raises(AuthorizationFailed) as raised:
        read_return(APP + query, state)
    return raised.value


def test_a_return_is_read_beside_the_apps_own_query() -> None:
    """The app's own parameters may be anything, and may be repeated."""
    address = f"{APP}user=18&success=true&code=c&state=s&accountReference=r"
    assert read_return(address, "s") == Returned("s", "c", "r")
    assert read_return(address, None) == Returned("s", "c", "r")


@pytest.mark.protocol("8.1")
@pytest.mark.parametrize(
    "query", ["success=true&state=s&accountReference=r", "state=s&code=c", "result=success&state=s"]
)
def test_returns_without_a_code_are_accepted(query: str) -> None:
    """`onboard` and `reauthorize` return an account, `revoke` a result; older pages send no `success`."""
    assert read_return(APP + query, "s").state == "s"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("USER_CANCEL", ConsentDeclined),
        ("INITIALIZE_CHECK_FAIL", ConsentLinkInvalid),
        ("INVALID_CODE", ConsentLinkInvalid),
        ("ONBOARD_ERROR", SourceNotConnected),
        ("SERVER_ERROR", ConsentPageFailed),
        ("NEW_IN_VERSION_TWO", ConsentPageFailed),
    ],
)
def test_declining_is_distinguished_from_failures(code: str, kind: type[AuthorizationFailed]) -> None:
    """Only USER_CANCEL is the person's decision. Each class has the code, what happened, and what to do."""
    error = failure(f"success=false&errorCode={code}&state=s")
    assert type(error) is kind
    assert error.code == code
    assert error.message
    assert error.hint
    assert isinstance(error, ConsentDeclined) == (code == "USER_CANCEL")


@pytest.mark.parametrize(
    "query", ["success=false", "success=maybe", "success=False", "result=failed", "success=true&errorCode=SERVER_ERROR"]
)
def test_a_return_without_success_is_a_failure(query: str) -> None:
    """Even without a code, or with both."""
    assert type(failure(f"{query}&state=s")) is ConsentPageFailed


@pytest.mark.parametrize("code", ["<script>", "a b", "USER_CANCEL%0a", "user_cancel\u2028", "x" * 65, "%00"])
def test_an_error_code_that_is_not_a_word_is_not_repeated(code: str) -> None:
    """Apps show codes on pages."""
    error = failure(f"success=false&state=s&errorCode={code}")
    assert (type(error), error.code) == (ConsentPageFailed, "SERVER_ERROR")


@pytest.mark.parametrize("answer", ["success=true&code=c", "success=false&errorCode=USER_CANCEL"])
@pytest.mark.parametrize("state", ["", "&state=", "&state=S", "&state=s%00", "&state=%EF%BF%BD"])
def test_a_return_with_another_state_is_unexpected(answer: str, state: str) -> None:
    """Whatever else the address contains: with another state, even declining is not the person's decision."""
    error = failure(answer + state)
    assert (type(error), error.code) == (UnexpectedReturn, "INVALID_STATE")


@pytest.mark.parametrize(
    "query",
    [
        "success=true&code=c&code=d&state=s",
        "success=true&code=c&code=c&state=s",
        "success=true&code=c&state=s&state=t",
        "success=true&success=false&code=c&state=s",
        "success=false&errorCode=USER_CANCEL&errorCode=SERVER_ERROR&state=s",
        "success=true&code=c&state=s&accountReference=a&accountReference=b",
    ],
)
def test_repeated_parameters_are_rejected(query: str) -> None:
    """RFC 6749 3.1: one of two values may come from an attacker."""
    assert type(failure(query)) is UnexpectedReturn
    assert type(failure(query, None)) is UnexpectedReturn


@pytest.mark.parametrize(
    "address",
    ["", "https://app.example/return", f"{APP}state=s", "https://[::1/return?code=c&state=s", APP + "a=1&" * 200],
)
def test_an_address_without_a_result_is_an_error(address: str) -> None:
    """It means neither agreeing nor declining."""
    with pytest.raises(UnexpectedReturn):
        read_return(address, None)


def test_errors_do_not_contain_the_address() -> None:
    """A code is a secret until it is exchanged."""
    for query in ("code=very-secret&state=other", "code=very-secret&code=very-secret&state=s"):
        assert "very-secret" not in str(failure(query))
