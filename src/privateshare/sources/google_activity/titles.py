"""The titles of activities, which begin or end with a verb in the language of the account, such as "Watched "."""

from collections import Counter
from collections.abc import Iterable
from itertools import takewhile

LEARNED_TITLES = 400
MIN_TITLES = 12
MIN_SHARE = 0.7
# What Google writes around the title of a video. The words of other languages are found from the titles of a file.
KNOWN = (
    ("Watched ", ""),
    ("", " angesehen"),
    ("Gekeken naar ", ""),
    ("Vous avez regardé ", ""),
    ("Has visto ", ""),
    ("Hai guardato ", ""),
    ("", " を視聴しました"),
    ("", " 을(를) 시청했습니다."),
)


class TitleFrame:
    """The words around the titles of a file."""

    def __init__(self, titles: Iterable[str]) -> None:
        """Find the words.

        Args:
            titles: Some titles of the file, with the words.
        """
        distinct = list(dict.fromkeys(title.replace("\xa0", " ") for title in titles))
        self.prefix, self.suffix = _known(distinct) or _common(distinct)

    def title(self, text: str) -> str:
        """Return a title without the words around it."""
        text = text.replace("\xa0", " ").strip()
        if self.prefix and text.startswith(self.prefix):
            text = text[len(self.prefix) :]
        if self.suffix and text.endswith(self.suffix):
            text = text[: -len(self.suffix)]
        return text.strip()


def _known(titles: list[str]) -> tuple[str, str] | None:
    for prefix, suffix in KNOWN:
        fitting = sum(title.startswith(prefix) and title.endswith(suffix) for title in titles)
        if titles and fitting >= MIN_SHARE * len(titles):
            return prefix, suffix
    return None


def _common(titles: list[str]) -> tuple[str, str]:
    """Return what most titles have in common at their beginning and end, up to a whole word."""
    if len(titles) < MIN_TITLES:
        return "", ""
    prefix = _common_beginning(titles)
    suffix = _common_beginning([title[::-1] for title in titles])[::-1]
    return prefix, suffix


def _common_beginning(titles: list[str]) -> str:
    """Return the beginning that most titles have in common. It ends after a space or a colon, if there is one."""
    (first, number), *_ = Counter(title[:3] for title in titles).most_common(1)
    if number < MIN_SHARE * len(titles):
        return ""
    fitting = sorted(title for title in titles if title.startswith(first))
    # What the first and the last of sorted texts have in common, all have.
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(fitting[0], fitting[-1], strict=False))
    common = "".join(letter for letter, _ in pairs)
    end = max(common.rfind(" "), common.rfind(":")) + 1
    return common[:end] if end else common
