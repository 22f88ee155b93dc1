"""Text of a DOCX as Word shows it, read as a stream; hidden runs are counted and left out.

Shown: body, tables, text boxes, content controls, headers and footers in use, footnotes, inserted text. Not shown:
deleted and moved text, field codes, comments, the old copy that Word keeps of a text box. Runs in the reading process.
Not judged: text behind a floating shape or pushed off the page by indents.
"""

from typing import NamedTuple

from app.agents.documents_docx_look import PLAIN, Look, Styles, changed
from app.agents.documents_package import Package, relations
from app.agents.documents_text import (
    MOST_CHARACTERS,
    MOST_PAGES,
    DocumentRefused,
    Reading,
    Reason,
    Remark,
    finish,
    letters,
)

# The old text of a change, Word 2007's copy of a newer drawing, and what was moved or deleted.
_SKIPPED = frozenset(
    {"Fallback", "del", "moveFrom", "instrText", "rPrChange", "pPrChange", "tcPrChange", "tblPrChange", "sectPrChange"}
)
_UNKNOWN = "?"  # a background whose colour is not written down plainly
_SIGNS = {"br": "\n", "tab": "\t", "cr": "\n", "noBreakHyphen": "-"}


class Paragraph(NamedTuple):
    """An open paragraph: how its runs look by default, and its words so far."""

    look: Look
    parts: list[str]


class Story:
    """Reads one part (body, header, footnotes) into pages. Page ends are where Word last drew them."""

    def __init__(self, styles: Styles) -> None:
        self.pages: list[list[str]] = [[]]
        self.hidden = 0
        self.pale = False  # white text was met whose background is not known
        self.used_headers: list[str] = []  # relation ids
        self.root = ""
        self._styles = styles
        self._skipping = 0
        self._path: list[str] = []
        self._paragraphs: list[Paragraph] = []
        self._run: Look | None = None
        self._shades: list[str] = []  # of table cells and text boxes, innermost last
        self._fills: list[str] = []  # of shapes
        self._reading = False
        self._letters = 0

    @property
    def text(self) -> list[str]:
        """Text of each page."""
        return ["".join(parts) for parts in self.pages]

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if self._skipping or tag in _SKIPPED:
            self._skipping += 1
            return
        self.root = self.root or tag
        self._open(tag)
        self._mark(tag, attributes)
        self._property(tag, attributes)
        self._path.append(tag)

    def _open(self, tag: str) -> None:
        """What holds text."""
        match tag:
            case "p":
                self._paragraphs.append(Paragraph(self._styles.paragraph(""), []))
            case "r":
                self._run = self._paragraphs[-1].look if self._paragraphs else PLAIN
            case "t":
                self._reading = True
            case "tc":
                self._shades.append("")
            case "wsp":
                self._fills.append("")
            case "txbxContent":
                self._shades.append(self._fills[-1] if self._fills else _UNKNOWN)

    def _mark(self, tag: str, attributes: dict[str, str]) -> None:
        """What stands between texts, and what may be painted behind them."""
        match tag:
            case "headerReference" | "footerReference" if attributes.get("type") != "even":
                self.used_headers.append(attributes.get("id", ""))
            case "lastRenderedPageBreak":
                self._turn_page()
            case "br" if attributes.get("type") == "page":
                self._turn_page()
            case "br" | "tab" | "cr" | "noBreakHyphen" if self._run is not None:
                self._write(_SIGNS[tag])
            case "tblStyle" if attributes.get("val", "") in self._styles.shaded:
                self._styles.backdrop = True  # white letters may be the headings of a painted table
            case "anchor" if attributes.get("behindDoc") in {"1", "true"}:
                self._styles.backdrop = True
            case "background":
                self._styles.backdrop = True

    def _property(self, tag: str, attributes: dict[str, str]) -> None:
        """Formatting, by the element it belongs to. A paragraph mark's own formatting (pPr/rPr) shows nowhere."""
        inside = self._path[-1] if self._path else ""
        if inside == "rPr" and self._path[-2:-1] == ["r"] and self._run is not None:
            base = self._styles.character(attributes.get("val", ""), self._run) if tag == "rStyle" else self._run
            self._run = changed(base, tag, attributes)
        elif inside == "pPr" and self._paragraphs:
            look, parts = self._paragraphs[-1]
            base = self._styles.paragraph(attributes.get("val", "")) if tag == "pStyle" else look
            self._paragraphs[-1] = Paragraph(changed(base, tag, attributes) if tag == "shd" else base, parts)
        elif inside == "tcPr" and tag == "shd" and self._shades:
            self._shades[-1] = attributes.get("fill", "")
        elif inside == "textFill" and tag == "noFill" and self._run is not None:
            self._run = self._run._replace(hidden=True)  # letters without ink
        elif self._fills and "txbxContent" not in self._inside_shape():
            self._fills[-1] = _fill(self._fills[-1], self._path[-2:], tag, attributes)

    def _inside_shape(self) -> list[str]:
        """Elements open since the innermost shape began."""
        return self._path[len(self._path) - self._path[::-1].index("wsp") :] if "wsp" in self._path else []

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._skipping:
            self._skipping -= 1
            return
        self._path.pop()
        match tag:
            case "p" if self._paragraphs:
                self.pages[-1].extend([*self._paragraphs.pop().parts, "\n"])
            case "r":
                self._run = None
            case "t":
                self._reading = False
            case "tc" | "txbxContent" if self._shades:
                self._shades.pop()
            case "wsp" if self._fills:
                self._fills.pop()

    def characters(self, text: str) -> None:
        """Text of a `t` element."""
        if self._reading and not self._skipping:
            self._write(text)

    def _write(self, text: str) -> None:
        look = self._run or PLAIN
        background = next((shade for shade in (look.shade, *reversed(self._shades)) if shade not in {"", "auto"}), "")
        unknown = background == _UNKNOWN or (not background and self._styles.backdrop)
        pale = look.pale_on(background)
        if look.unseen or (pale and not unknown):
            self.hidden += letters(text)
            return
        self.pale |= pale
        self._letters += len(text)
        if self._letters > MOST_CHARACTERS * 2:
            raise DocumentRefused(Reason.TOO_COMPLEX)
        (self._paragraphs[-1].parts if self._paragraphs else self.pages[-1]).append(text)

    def _turn_page(self) -> None:
        """Word writes a typed page break and, after it, the place where it drew one: that is one page."""
        if self._paragraphs:
            self.pages[-1].extend(self._paragraphs[-1].parts)
            self._paragraphs[-1].parts.clear()
        if any(part.strip() for part in self.pages[-1]):
            self.pages.append([])


def _fill(known: str, inside: list[str], tag: str, attributes: dict[str, str]) -> str:
    """A shape's fill after one more element: RRGGBB, empty = none, or unknown. Outlines (`ln`) do not count."""
    if inside[-1:] == ["spPr"] and tag in {"gradFill", "blipFill", "pattFill", "grpFill"}:
        return _UNKNOWN
    if inside == ["spPr", "solidFill"]:
        return attributes.get("val", _UNKNOWN) if tag == "srgbClr" else _UNKNOWN
    if tag == "fillRef" and not known and attributes.get("idx", "0") != "0":
        return _UNKNOWN
    return known


def read_docx(content: bytes) -> Reading:
    """Raises DocumentRefused."""
    package = Package(content)
    main = next((rel.target for rel in relations(package, "") if rel.kind == "officeDocument"), "")
    if not main or "[Content_Types].xml" not in package:
        raise DocumentRefused(Reason.UNSUPPORTED)  # some other ZIP
    linked = relations(package, main)
    styles = Styles()
    for part in (rel.target for rel in linked if rel.kind == "styles"):
        package.parse(part, styles.start, styles.end)
    body = Story(styles)
    package.parse(main, body.start, body.end, body.characters)
    if body.root != "document":  # a spreadsheet or slides
        raise DocumentRefused(Reason.UNSUPPORTED)
    top = [rel.target for rel in linked if rel.kind == "header" and rel.id in body.used_headers]
    bottom = [rel.target for rel in linked if rel.kind == "footer" and rel.id in body.used_headers]
    notes = [rel.target for rel in linked if rel.kind in {"footnotes", "endnotes"}]
    stories = {name: Story(styles) for name in dict.fromkeys([*top, *bottom, *notes])}
    for name, story in stories.items():
        package.parse(name, story.start, story.end, story.characters)
    pages = body.text
    pages[0] = "\n".join(["".join(stories[name].text) for name in dict.fromkeys(top)] + [pages[0]])
    pages[-1] = "\n".join([pages[-1]] + ["".join(stories[name].text) for name in dict.fromkeys([*bottom, *notes])])
    warnings: set[Remark] = {Remark.MORE_PAGES} if len(pages) > MOST_PAGES else set()
    if any(story.pale for story in (body, *stories.values())):
        warnings.add(Remark.PALE_TEXT)
    hidden = body.hidden + sum(story.hidden for story in stories.values())
    return finish(pages[:MOST_PAGES], hidden=hidden, scanned=False, warnings=warnings)
