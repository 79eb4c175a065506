"""Protocol 4.1, 8.3: the addresses that people come back to an app by."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.protocol.redirect_uris import RETURN_PARAMETERS, REVOKE_PARAMETERS, add_parameters, is_registered

BACK = "https://app.example/return"
CODE = {"success": "true", "code": "ours", "state": "ours"}


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize(
    ("address", "registered"),
    [
        (BACK, BACK),
        (f"{BACK}?user=17", BACK),
        (f"{BACK}?next=%2Fa%2F..%2Fb&x=https://elsewhere.example/", BACK),
        (f"{BACK}?name=Müller", BACK),
        (f"{BACK}?kept=1", f"{BACK}?kept=1"),
        (f"{BACK}?kept=1&user=17", f"{BACK}?kept=1"),
        (f"{BACK}?user=17", f"{BACK}?"),
        (f"{BACK}?a&user=17", f"{BACK}?a&"),
        ("https://app.example?user=17", "https://app.example"),
        ("digime-ca-x://auth?user=17", "digime-ca-x://auth"),
        ("com.example.app:/back?user=17", "com.example.app:/back"),
        ("http://127.0.0.1:50123/back?user=17", "http://127.0.0.1/back"),
        ("http://127.0.0.1:50123/back?kept=1&user=17", "http://127.0.0.1:1/back?kept=1"),
        ("http://[::1]:65535?user=17", "http://[::1]"),
        ("http://localhost/back", "http://localhost:8000/back"),
    ],
)
def test_an_app_may_add_a_query_to_a_registered_address(address: str, registered: str) -> None:
    """An app can identify its user by it. Loopback addresses may have any port, RFC 8252 7.3."""
    assert is_registered(address, registered)


@pytest.mark.protocol("4.1")
@pytest.mark.parametrize(
    "address",
    [
        "https://app.example/return?",
        "https://app.example/return/",
        "https://app.example/return/more",
        "https://app.example/returning?user=17",
        "https://app.example/return&user=17",
        "https://app.example/return#",
        "https://app.example/return#user=17",
        "https://app.example/return?user=17#x",
        "https://app.example/return?user=17\\@evil.example",
        "https://app.example/return\\?user=17",
        "https://app.example/return?user=1 7",
        "https://app.example/return?user=1\n7",
        "https://app.example/return?user=1\r\nSet-Cookie: x",
        "https://app.example/return?user=\x00",
        "https://app.example/return?user=\u202e",
        "https://app.example/return?user=\ud800",
        "https://app.example/return?user=" + "7" * 2000,
        "https://APP.example/return?user=17",
        "HTTPS://app.example/return?user=17",
        "http://app.example/return?user=17",
        "https://app.example:443/return?user=17",
        "https://app.example.:443/return",
        "https://app.example./return",
        "https://x@app.example/return?user=17",
        "https://app.example@evil.example/return",
        "https://app.example%2freturn?user=17",
        "https://app.example/%72eturn?user=17",
        "https://app.example/x/../return?user=17",
        "https://app.example/return/../evil?user=17",
        "https://app.example//return?user=17",
        "https:/app.example/return",
        "https:\\\\app.example\\return",
        "https://app.example/return%3Fuser=17",
        "https://app.example/return;user=17",
        " https://app.example/return",
        "//app.example/return",
        "/return",
        "?user=17",
        "",
    ],
)
def test_the_rest_of_an_address_must_match_exactly(address: str) -> None:
    """Addresses that a browser might treat as the same, or as another one, are not registered."""
    assert not is_registered(address, BACK)


@pytest.mark.parametrize(
    ("address", "registered"),
    [
        (BACK, f"{BACK}?tenant=1"),
        (f"{BACK}?tenant=1&", f"{BACK}?tenant=1"),
        (f"{BACK}?user=17", f"{BACK}?tenant=1"),
        (f"{BACK}?user=17&tenant=1", f"{BACK}?tenant=1"),
        (f"{BACK}?tenant=17", f"{BACK}?tenant=1"),
        (f"{BACK}?tenant=1;user=17", f"{BACK}?tenant=1"),
        (f"{BACK}?tenant=1?user=17", f"{BACK}?tenant=1"),
        ("https://app.example.evil.example/?x", "https://app.example"),
        ("https://app.example@evil.example/", "https://app.example"),
        ("https://app.example:8443?x", "https://app.example"),
        ("https://127.0.0.1:8000/back", "https://127.0.0.1/back"),
        ("http://127.0.0.1:0/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1:99999/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1:65536/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1:/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1:80@evil.example/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1:١٢/back", "http://127.0.0.1/back"),
        ("http://127.0.0.1.evil.example/back", "http://127.0.0.1/back"),
        ("http://127.0.0.2/back", "http://127.0.0.1/back"),
        ("http://localhost/back", "http://127.0.0.1/back"),
        ("http://localhost.evil/back", "http://localhost/back"),
        ("http://127.0.0.1:8000/back#x", "http://127.0.0.1/back"),
        ("http://127.0.0.1:8000/back?x\\y", "http://127.0.0.1/back"),
    ],
)
def test_a_registered_query_and_a_registered_host_must_match(address: str, registered: str) -> None:
    """A registered query stays before the app's own; only the port of a loopback address may differ."""
    assert not is_registered(address, registered)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://app.example/back", "https://app.example/back?a=1"),
        ("https://app.example", "https://app.example?a=1"),
        ("https://app.example/back?", "https://app.example/back?a=1"),
        ("https://app.example/back?kept=%2Fx", "https://app.example/back?kept=%2Fx&a=1"),
        ("https://app.example/back?kept=1&", "https://app.example/back?kept=1&a=1"),
        ("https://app.example/back?kept=1&&b=%zz+%20", "https://app.example/back?kept=1&&b=%zz+%20&a=1"),
        ("https://app.example/back?name=Müller日", "https://app.example/back?name=M%C3%BCller%E6%97%A5&a=1"),
        ("digime-ca-AbC1://auth", "digime-ca-AbC1://auth?a=1"),
        ("app:/back?x", "app:/back?x&a=1"),
    ],
)
def test_parameters_are_added_to_the_query(address: str, expected: str) -> None:
    """The existing query is unchanged."""
    assert add_parameters(address, {"a": "1", "left out": None}, RETURN_PARAMETERS) == expected


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize(
    "query",
    [
        "code=x&state=y&success=false",
        "code=x&code=z&errorCode=USER_CANCEL",
        "CODE=x&State=y",
        "%63ode=x&st%61te=y",
        "c%6Fde",
        "code[]=x&code[0]=x&state%5B%5D=y",
        "+code=x&%20state=y",
        "user=17;code=x",
        ";state=y",
        "error.code=x&error_code=x",
        "accountReference=x&postboxId=x&publicKey=x",
    ],
)
def test_the_platforms_parameters_occur_once(query: str) -> None:
    """Whichever of two values a server would use, and however it decodes names."""
    address = add_parameters(f"{BACK}?user=17&{query}", CODE, RETURN_PARAMETERS)
    assert address == f"{BACK}?user=17&success=true&code=ours&state=ours"


@pytest.mark.protocol("8.3")
def test_an_error_contains_no_foreign_code() -> None:
    """Parameters that the platform does not set are removed too."""
    address, told = f"{BACK}?code=x&accountReference=x&kept=1", {"success": "false", "errorCode": "USER_CANCEL"}
    assert add_parameters(address, told, RETURN_PARAMETERS) == f"{BACK}?kept=1&success=false&errorCode=USER_CANCEL"


@pytest.mark.protocol("7.4")
def test_parameters_of_other_pages_are_the_apps_own() -> None:
    """The page for withdrawing uses other names than 8.3, and each page removes only its own."""
    assert add_parameters(f"{BACK}?code=AT&result=x", {"result": "success"}, REVOKE_PARAMETERS).endswith(
        "?code=AT&result=success"
    )
    assert add_parameters(f"{BACK}?result=7", {"success": "true"}, RETURN_PARAMETERS).endswith("?result=7&success=true")


@pytest.mark.parametrize("name", ["encode", "codes", "zipcode", "mystate", "successor", "user[code]", "x"])
def test_names_that_only_contain_ours_are_kept(name: str) -> None:
    """A parameter is removed only if a server could take it for one of the platform's."""
    assert f"?{name}=1&" in add_parameters(f"{BACK}?{name}=1", CODE, RETURN_PARAMETERS)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_state_is_returned_unchanged(state: str) -> None:
    """A state with any characters is returned as it was given, and adds no parameter."""
    address = add_parameters(f"{BACK}?kept=1", {"success": "true", "state": state}, RETURN_PARAMETERS)
    parts = urlsplit(address)
    assert parts.netloc == "app.example"
    assert not parts.fragment
    expected = {"kept": ["1"], "success": ["true"], "state": [state]}
    assert parse_qs(parts.query, keep_blank_values=True) == expected


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF), max_size=50))
def test_no_query_hides_the_result(query: str) -> None:
    """Every address that counts as registered leads to the app, with the platform's result."""
    address = f"{BACK}?{query}"
    if not is_registered(address, BACK):
        return
    parts = urlsplit(add_parameters(address, CODE, RETURN_PARAMETERS))
    assert (parts.netloc, parts.path, parts.fragment) == ("app.example", "/return", "")
    told = parse_qsl(parts.query, keep_blank_values=True)
    assert {name: value for name, value in told if name in CODE} == CODE
    assert len([name for name, _ in told if name in CODE]) == len(CODE)
