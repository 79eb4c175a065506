"""The marks of sources and apps: every source has one, and any name gets one that can be read."""

from xml.etree import ElementTree

import pytest

from privateshare.platform.consent.marks import COLOURS, DARK, LIGHT, draw_mark, initials, readable_on
from privateshare.sources.contract import Brand
from privateshare.sources.registry import Sources

SVG = "{http://www.w3.org/2000/svg}"
SOURCES = Sources()


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("source_id", SOURCES.connectable)
def test_every_source_has_a_mark_of_its_own(source_id: int) -> None:
    """It is decoration that is well-formed and readable, draws something, and asks no other site for anything."""
    brand = SOURCES.connectable[source_id].info.brand
    drawn = str(draw_mark(SOURCES.listed[source_id].name, brand))
    svg = ElementTree.fromstring(drawn.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))
    assert svg.get("aria-hidden") == "true"
    ground, content = list(svg)
    assert contrast(str(ground.get("fill")), str(content.get("fill"))) >= 3  # WCAG 1.4.11
    assert content.get("d") or content.text
    assert "http" not in drawn.replace(SVG[1:-1], "")
    assert "style=" not in drawn


@pytest.mark.parametrize("colour", [*COLOURS, "#ffffff", "#000000", "#1db954", "#ffcc00", "#808080", "#777777"])
def test_initials_can_be_read_on_any_colour(colour: str) -> None:
    """The contrast is that of text, on our own colours and on those of brands (WCAG 1.4.3)."""
    assert readable_on(colour) in (LIGHT, DARK)
    assert contrast(readable_on(colour), colour) >= (4.5 if colour in COLOURS else 4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Spotify", "S"),
        ("Health record (Apple Health)", "HR"),
        ("netflix", "N"),
        ("Bank of Ireland", "BO"),
        ("  1&1 Mail", "1M"),
        ("(beta) Photos", "BP"),
        ("(beta)", "B"),
        ("ßtest", "S"),
        ("سبوتيفاي", "س"),
        ("é́clair", "É"),
        ("<script>alert(1)</script>", "S"),
        ("👩‍⚕️", "•"),
        ("", "•"),
        ("\u202e", "•"),
        ("\ud800", "•"),
    ],
)
def test_initials_of_any_name(name: str, expected: str) -> None:
    """One or two letters, whatever the name holds; a dot if it holds none."""
    assert initials(name) == expected
    assert "<script" not in draw_mark(name)


def test_a_name_keeps_its_colour() -> None:
    """A source or app looks the same on every page and after a restart; a brand decides its own colour."""
    assert draw_mark("Netflix") == draw_mark("Netflix")
    assert 'fill="#123456"' in draw_mark("Netflix", Brand("#123456"))
    assert len({draw_mark(f"Source {number}").split('fill="')[1][:7] for number in range(40)}) == len(COLOURS)
