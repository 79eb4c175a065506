"""Messages to the operator, as mails."""

import pytest
from tests.ports import free_port

from privateshare.platform.operating.notices import Notice, NoticeNotSent, _email, _mail

RECIPIENTS = ("operator@example.org",)


def test_a_title_is_one_header() -> None:
    """Names of packages and answers of servers are in titles."""
    mail = _email("a@example.org", RECIPIENTS, Notice("problem: x\r\nBcc: evil@example.org", "text", {}))
    assert mail["Subject"] == "problem: x Bcc: evil@example.org"
    assert mail["Bcc"] is None


@pytest.mark.parametrize("text", ["\udc80", "a\0b"])
def test_a_text_that_no_mail_can_hold_ends_nothing(text: str) -> None:
    """The process goes on to look for problems."""
    port = free_port()
    with pytest.raises(NoticeNotSent):
        _mail(f"smtp://127.0.0.1:{port}", "a@example.org", RECIPIENTS, Notice(text, text, {}))
