"""The marks of sources and apps on the pages: drawings of our own, or initials on a colour. They need no request.

A mark is decoration: the name always stands beside it as text.
"""

from zlib import crc32

from markupsafe import Markup

from privateshare.sources.contract import Brand

# For names without a colour of their own. White text on each has a contrast of at least 4.5.
COLOURS = ("#0b6b5d", "#1f5fa8", "#6b3fa0", "#a8326a", "#a23b22", "#7a5b00", "#3f6b1f", "#3d4f5c")
LIGHT, DARK = "#ffffff", "#12211c"
MAX_INITIALS = 2

_INITIALS = Markup('<text x="20" y="25.25" fill="{ink}">{initials}</text>')
_DRAWING = Markup('<path transform="translate(8 8)" fill="{ink}" fill-rule="evenodd" d="{drawing}"/>')
_MARK = Markup(
    '<svg class="{look}" aria-hidden="true" focusable="false" viewBox="0 0 40 40">'
    '<rect width="40" height="40" rx="11" fill="{colour}"/>{content}</svg>'
)


def draw_mark(name: str, brand: Brand | None = None, look: str = "mark") -> Markup:
    """Draw the mark of a source or an app.

    Args:
        name: Its name, as it stands beside the mark.
        brand: How a source wants its mark. Apps have none.
        look: The classes of the drawing.
    """
    colour = brand.colour if brand else COLOURS[crc32(name.encode(errors="replace")) % len(COLOURS)]
    ink = readable_on(colour)
    content = (
        _DRAWING.format(ink=ink, drawing=brand.drawing)
        if brand and brand.drawing
        else _INITIALS.format(ink=ink, initials=initials(name))
    )
    return _MARK.format(look=look, colour=colour, content=content)


def initials(name: str) -> str:
    """Return the initials of a name: of its first two words, without what stands in parentheses."""
    words = (name.split("(")[0].strip() or name).split()
    letters = [letter for word in words if (letter := next(filter(str.isalnum, word), ""))]
    return "".join(letter.upper()[:1] for letter in letters[:MAX_INITIALS]) or "•"


def readable_on(colour: str) -> str:
    """Return the colour of text that is easier to read on a colour (WCAG 2.2, contrast ratio)."""
    ground = _luminance(colour) + 0.05
    return LIGHT if (1.05 / ground) >= ground / (_luminance(DARK) + 0.05) else DARK


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
