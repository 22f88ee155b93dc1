"""How a run of a DOCX looks, as far as that decides whether a reader sees it: styles, inheritance, ink on paper."""

from typing import NamedTuple

from app.agents.documents_text import LEAST_CONTRAST

_LEAST_HALF_POINTS = 5  # type of 2.5 points
_LEAST_SCALE = 5  # percent of a letter's width
_MOST_ANCESTORS = 20  # of a style; a circle ends here
_OFF = frozenset({"0", "false", "off"})
_WHITE = 255
_HIGHLIGHTS = {
    "black": "000000",
    "blue": "0000FF",
    "cyan": "00FFFF",
    "green": "00FF00",
    "magenta": "FF00FF",
    "red": "FF0000",
    "yellow": "FFFF00",
    "white": "FFFFFF",
    "darkBlue": "00008B",
    "darkCyan": "008B8B",
    "darkGreen": "006400",
    "darkMagenta": "800080",
    "darkRed": "8B0000",
    "darkYellow": "808000",
    "darkGray": "A9A9A9",
    "lightGray": "D3D3D3",
}


class Look(NamedTuple):
    """Of a run. `ink`, `shade`: RRGGBB, empty = automatic. `size` in half points, `scale` in percent, 0 = unset."""

    hidden: bool = False
    ink: str = ""
    shade: str = ""
    size: float = 0.0
    scale: float = 0.0

    @property
    def unseen(self) -> bool:
        """Hidden, or too small to read."""
        return self.hidden or 0 < self.size <= _LEAST_HALF_POINTS or 0 < self.scale <= _LEAST_SCALE

    def pale_on(self, background: str) -> bool:
        """The ink cannot be told from `background` (empty = white paper)."""
        ink = luminance(self.ink)
        paper = luminance(background)
        return ink is not None and abs(ink - (_WHITE if paper is None else paper)) < LEAST_CONTRAST


PLAIN = Look()


def luminance(colour: str) -> int | None:
    """0..255 of RRGGBB; None when it is no such colour."""
    try:
        red, green, blue = bytes.fromhex(colour)
    except ValueError:
        return None
    return (red * 30 + green * 59 + blue * 11) // 100


def changed(look: Look, tag: str, attributes: dict[str, str]) -> Look:  # noqa: PLR0911 one return per property
    """The look after one property of `rPr` (or `pPr`'s shading); properties that hide nothing leave it alone."""
    value = attributes.get("val", "")
    match tag:
        case "vanish":
            return look._replace(hidden=value not in _OFF)
        case "color":
            return look._replace(ink="" if value == "auto" else value)
        case "shd":
            fill = attributes.get("fill", "")
            return look._replace(shade="" if fill == "auto" else fill)
        case "highlight":
            return look._replace(shade=_HIGHLIGHTS.get(value, look.shade))
        case "sz":
            return look._replace(size=_number(value))
        case "w":
            return look._replace(scale=_number(value))
    return look


def _number(text: str) -> float:
    try:
        return float(text.rstrip("%pt"))
    except ValueError:
        return 0.0


class Style:
    """One style as written: its parent and its properties in order."""

    __slots__ = ("based_on", "properties")

    def __init__(self) -> None:
        self.based_on = ""
        self.properties: list[tuple[str, dict[str, str]]] = []


class Styles:
    """Styles of one document. `backdrop`: something may be painted behind its text that is not known here."""

    def __init__(self) -> None:
        self.backdrop = False
        self.shaded: set[str] = set()  # table styles that paint cells
        self._styles: dict[str, Style] = {}
        self._default = ""
        self._current = ""
        self._defaults = Style()
        self._path: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element of the styles part begins."""
        inside = self._path[-1] if self._path else ""
        if tag == "style":
            self._current = attributes.get("styleId", "")
            self._styles[self._current] = Style()
            if attributes.get("type") == "paragraph" and attributes.get("default") not in {None, *_OFF}:
                self._default = self._current
        elif tag == "basedOn" and self._current:
            self._styles[self._current].based_on = attributes.get("val", "")
        elif tag == "shd" and "tcPr" in self._path:
            self.shaded.add(self._current)
        elif (inside == "rPr" or (inside == "pPr" and tag == "shd")) and "tblStylePr" not in self._path:
            style = self._styles[self._current] if self._current else self._defaults
            style.properties.append((tag, attributes))
        self._path.append(tag)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._path.pop()
        if tag == "style":
            self._current = ""

    def paragraph(self, name: str) -> Look:
        """Look of runs in a paragraph of this style; the default style for an empty name."""
        look = _applied(PLAIN, self._defaults)
        return self.character(name or self._default, look)

    def character(self, name: str, look: Look) -> Look:
        """The look with a style over it."""
        line: list[Style] = []
        while (style := self._styles.get(name)) is not None and len(line) < _MOST_ANCESTORS:
            line.append(style)
            name = style.based_on
        for style in reversed(line):
            look = _applied(look, style)
        return look


def _applied(look: Look, style: Style) -> Look:
    for tag, attributes in style.properties:
        look = changed(look, tag, attributes)
    return look
