"""The text of a page that a receipt keeps is what the person saw, with nothing run together."""

from privateshare.platform.consent.page_text import page_text


def text_of(main: str, direction: str = "ltr") -> str:
    return page_text(f'<html dir="{direction}"><body><main>{main}</main></body></html>')


def test_blocks_are_lines() -> None:
    """Each block is a line, and so is the smaller text below a label, which pages show below it."""
    label = "<label><input type=checkbox checked> <span>Later<small>Kinds that come.</small></span></label>"
    assert text_of(f"<h1>Share?</h1><p>by <b>A</b></p>{label}") == "Share?\nby A\n[x] Later\nKinds that come."


def test_invisible_parts_are_left_out() -> None:
    """A hidden element, an icon and the button for the Enter key are not part of the notice."""
    hidden = '<p hidden>a</p><svg><title>b</title></svg><button aria-hidden="true">Update the numbers</button>'
    assert text_of(f"{hidden}<p>Playlists</p>") == "Playlists"


def test_names_keep_their_place_in_the_line() -> None:
    """A name of the other writing direction is isolated in the text as it is on the page, and no other is."""
    assert text_of("<p>by <bdi>Genrefy</bdi></p>") == "by Genrefy"
    assert text_of("<p>by <bdi>صحتي</bdi></p>") == "by \u2068صحتي\u2069"
    assert text_of("<p>من <bdi>Genrefy</bdi> 2</p>", "rtl") == "من \u2068Genrefy\u2069 2"
    assert text_of("<p>من <bdi>صحتي</bdi> <bdi>12</bdi></p>", "rtl") == "من صحتي 12"
