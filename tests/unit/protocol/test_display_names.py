"""Names that are shown to people."""

import pytest

from privateshare.protocol.display_names import is_display_name


@pytest.mark.parametrize(
    "name",
    [
        *("हिन्दी", "ศูนย์ข้อมูล", "בְּרֵאשִׁ֖ית", "ក្រុមហ៊ុន", "Vie\u0302\u0323t", "❤️ Co", "#️⃣1", "🏳️\u200d🌈", "👍🏽", "नमस्\u200dते"),
        *[
            "Genrefy",
            "Müller & Söhne (Wien)",
            "日本語",
            "عربي",
            "می\u200cخواهم",
            "👩\u200d⚕️ Clinic",
            "a" * 200,
            "<b>x</b>",
        ],
    ],
)
def test_a_visible_name_is_accepted(name: str) -> None:
    """In any script. Text that looks like code is only text."""
    assert is_display_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u200d",
        " Genrefy",
        "Genrefy\n",
        "Gen\nrefy",
        "Gen\trefy",
        "Gen\x00refy",
        "Gen\x1b[31mrefy",
        "Gen\u202erefy",
        "Gen\u202arefy\u202c",
        "Gen\u2067refy\u2069",
        "Gen\u200frefy",
        "Gen\u061crefy",
        "Gen\u200brefy",
        "Gen\ufeffrefy",
        "Gen\u00adrefy",
        "Gen\u2028refy",
        "Gen\u00a0refy",
        "Gen\u3000refy",
        "Gen\U000e0041refy",
        "Gen\ue000refy",
        "Gen\ud800refy",
        "a" * 201,
        "Gen\u200drefy",  # an invisible twin of another name
        "Gen\u200crefy",
        "می\u200c\u200cخواهم",
        "Gen\u3164refy",
        "\u3164",
        "Gen\u115frefy",
        "Gen\uffa0refy",
        "Gen\u034frefy",
        "Gen\u180brefy",
        "Gen\ufe0frefy",
        "Gen\U000e0100refy",
        "Genrefy\u2800",
        "Gen\ufffcrefy",
        "Gen\U0001d159refy",
        "\u0301Genrefy",
        "Gen \u0301refy",
        "Gen" + "\u0301" * 5 + "refy",
    ],
)
def test_a_name_with_invisible_characters_is_rejected(name: str) -> None:
    """Control characters, direction overrides, invisible characters, unusual spaces, halves of characters."""
    assert not is_display_name(name)
