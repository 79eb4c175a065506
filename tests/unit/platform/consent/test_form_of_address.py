"""How pages address people: as one would a friend in Dutch and Spanish, in every text."""

import re

import pytest

from privateshare.platform.consent.locales.update import read_catalogue

# What stands in quotation marks is what another service calls something on its own pages.
FORMAL = {
    "nl": (r"“[^”]*”", r"\b([Uu]|[Uu]w)\b"),
    "es": (
        r"«[^»]*»",
        r"\b(usted|[Ee]lija|[Aa]bra|[Dd]escargue|[Ss]uba|[Ss]olicite|[Ee]xporte|[Ii]nicie|[Cc]ompruebe|Haga)\b",
    ),
}


@pytest.mark.parametrize("language", FORMAL)
def test_people_are_addressed_in_one_form(language: str) -> None:
    quoted, formal = FORMAL[language]
    strings = [message.string for message in read_catalogue(language) if message.id]
    texts = [text for one in strings for text in ([one] if isinstance(one, str) else one or ())]
    assert len(texts) > 500
    assert [text for text in texts if re.search(formal, re.sub(quoted, "", text))] == []
