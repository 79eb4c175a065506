"""Passwords of databases are not among the arguments of programs, which other users of a machine can see."""

import pytest

from privateshare.platform.embedded.dumps import _without_password


@pytest.mark.parametrize(
    ("url", "named", "password"),
    [
        ("postgresql://u:s%40e@h/db", "postgresql://u@h/db", "s@e"),
        ("postgresql+psycopg://u:secret@h/db?x=1", "postgresql://u@h/db?x=1", "secret"),
        ("postgresql://h/db?user=u&password=se%20cret", "postgresql://h/db?user=u", "se cret"),
        ("postgresql://h/db?password=secret&user=u", "postgresql://h/db?user=u", "secret"),
        ("postgresql://u:one@h/db?password=secret", "postgresql://u@h/db", "secret"),
        ("postgresql://h/db?sslpassword=x", "postgresql://h/db?sslpassword=x", None),
        ("postgresql://h/db", "postgresql://h/db", None),
    ],
)
def test_the_password_is_passed_in_the_environment(url: str, named: str, password: str | None) -> None:
    assert _without_password(url) == (named, {"PGPASSWORD": password} if password is not None else {})
