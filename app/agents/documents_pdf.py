"""Text of a PDF as a reader sees it: every word must change the picture of its page, or it counts as hidden.

Each page is painted twice, with its text and without. A word whose letters change nothing is invisible however that was
done: paper-coloured, off the page, clipped, covered, in an invisible mode, on a layer that is off. Too small, squeezed
together, and pale ink under darker ink are checked by measure and colour. Runs in the reading process only.

Not seen: a font whose letters look like others than they are mapped to.
"""

import ctypes
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdf  # type: ignore[import-untyped]

from app.agents.documents_text import (
    LEAST_CONTRAST,
    MOST_CHARACTERS,
    MOST_PAGES,
    MOST_PAGES_OF_A_FILE,
    DocumentRefused,
    Reading,
    Reason,
    Remark,
    finish,
    letters,
)

_PIXELS_PER_POINT = 1.5
_LONGEST_SIDE = 1600  # pixels: a poster must not become a gigabyte
_LEAST_HEIGHT = 3.0  # points, from the top of the tallest letter to the lowest: type of about 2.5
_LEAST_ASPECT = 0.1  # width by height of a word's letters on average; "ill" in a narrow font has 0.15
_SCAN_COVER = 0.5  # share of the page that pictures cover
_SCAN_OWN_LETTERS = 30  # a scan may carry a stamp or page number
_NESTING = 8
_INVISIBLE = frozenset({pdf.FPDF_TEXTRENDERMODE_INVISIBLE, pdf.FPDF_TEXTRENDERMODE_CLIP})
_LINE_END_HYPHEN = re.compile(r"[\x02\xad\ufffe]\s*\n")
_SHOWN_ANNOTATIONS = frozenset({pdf.FPDF_ANNOT_WIDGET, pdf.FPDF_ANNOT_FREETEXT})


@dataclass(frozen=True, slots=True)
class Letter:
    """A character, its box in pixels (left, top, right, bottom) and its width and height in points."""

    text: str
    index: int
    box: tuple[int, int, int, int]
    width: float
    height: float


@dataclass(slots=True)
class PageReading:
    """One page's text and counts of letters; `layered` = the words come with a scan."""

    parts: list[str] = field(default_factory=list)
    shown: int = 0
    hidden: int = 0
    layered: int = 0
    scan: bool = False


def read_pdf(content: bytes) -> Reading:
    """Raises DocumentRefused."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        locked = error.err_code in {pdf.FPDF_ERR_PASSWORD, pdf.FPDF_ERR_SECURITY}
        raise DocumentRefused(Reason.ENCRYPTED if locked else Reason.DAMAGED) from None
    if document.get_formtype() != pdf.FORMTYPE_NONE:
        document.init_forms()  # paints fields that hold a value but no picture of it
    count = len(document)
    if count > MOST_PAGES_OF_A_FILE:
        raise DocumentRefused(Reason.TOO_MANY_PAGES)
    warnings: set[Remark] = {Remark.MORE_PAGES} if count > MOST_PAGES else set()
    pages: list[PageReading] = []
    for index in range(min(count, MOST_PAGES)):
        try:
            pages.append(_read_page(document, index))
        except pdfium.PdfiumError:
            raise DocumentRefused(Reason.DAMAGED) from None
        if sum(page.shown for page in pages) > MOST_CHARACTERS:
            warnings.add(Remark.MORE_TEXT)
            break
    if not pages:
        raise DocumentRefused(Reason.DAMAGED)
    if any(page.layered for page in pages):
        warnings.add(Remark.SCAN_TEXT_LAYER)
    return finish(
        [_LINE_END_HYPHEN.sub("", "".join(page.parts)) for page in pages],
        hidden=sum(page.hidden for page in pages),
        scanned=sum(page.scan for page in pages) * 2 > len(pages),
        warnings=warnings,
    )


def _read_page(document: pdfium.PdfDocument, index: int) -> PageReading:
    page = document[index]
    if _flatten(page):
        page.close()
        page = document[index]
    reading = PageReading()
    pictures = list(page.get_objects(filter=[pdf.FPDF_PAGEOBJ_IMAGE], max_depth=2))
    covered = _covered(page, pictures)
    canvas = Canvas(page)
    words = [(text, word, bool(word) and canvas.shows(word)) for text, word in _words(page, canvas)]
    own = sum(letters(text) for text, _, seen in words if seen)
    reading.scan = covered >= _SCAN_COVER and own < _SCAN_OWN_LETTERS
    for text, word, seen in words:
        if seen:
            reading.parts.append(text)
            reading.shown += letters(text)
        elif not word:
            reading.parts.append(text)
        elif reading.scan and canvas.over_ink(word):
            reading.parts.append(text)
            reading.layered += letters(text)
        else:
            reading.hidden += letters(text)
    canvas.close()
    page.close()
    return reading


def _flatten(page: pdfium.PdfPage) -> bool:
    """Turn filled form fields and typed notes into page text; true if the page must be opened again."""
    for index in range(pdf.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdf.FPDFPage_GetAnnot(page.raw, index)
        kind = pdf.FPDFAnnot_GetSubtype(annotation)
        pdf.FPDFPage_CloseAnnot(annotation)
        if kind in _SHOWN_ANNOTATIONS:
            # Flattening reads the page's own boxes only; without them (inherited) it would cut the page to Letter.
            box = page.get_bbox()
            page.set_mediabox(*box)
            page.set_cropbox(*box)
            return bool(pdf.FPDFPage_Flatten(page.raw, pdf.FLAT_NORMALDISPLAY) == pdf.FLATTEN_SUCCESS)
    return False


def _covered(page: pdfium.PdfPage, pictures: list[pdfium.PdfObject]) -> float:
    """Share of the page under its largest picture, or under strips of the same width (some scanners cut pages up)."""
    width, height = page.get_size()
    area = 0.0
    for picture in pictures:
        left, bottom, right, top = picture.get_bounds()
        across = max(0.0, min(right, width) - max(left, 0.0))
        area += across * max(0.0, min(top, height) - max(bottom, 0.0))
    return area / (width * height) if width * height else 0.0


def _words(page: pdfium.PdfPage, canvas: "Canvas") -> Iterator[tuple[str, list[Letter]]]:
    """Words with their letters, and the white space between them (no letters)."""
    count = canvas.text.count_chars()
    word: list[Letter] = []
    for index in range(min(count, MOST_CHARACTERS)):
        code = pdf.FPDFText_GetUnicode(canvas.text.raw, index)
        character = chr(code) if 0 < code < 0x110000 else "\ufffd"
        if not character.isspace() and pdf.FPDFText_IsGenerated(canvas.text.raw, index) != 1:
            word.append(canvas.letter(page, index, character))
            continue
        if word:
            yield _joined(word), word
            word = []
        yield character, []
    if word:
        yield _joined(word), word


def _joined(word: list[Letter]) -> str:
    """Some PDFs give characters beyond U+FFFF as two surrogates."""
    text = "".join(letter.text for letter in word)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Canvas:
    """A page painted with and without its text, 8 bits of grey a pixel."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self.text = page.get_textpage()
        scale = min(_PIXELS_PER_POINT, _LONGEST_SIDE / max(*page.get_size(), 1.0))
        painted = page.render(scale=scale, grayscale=True)
        self._width, self._height, self._stride = painted.width, painted.height, painted.stride
        self._with = bytes(painted.buffer)
        objects = list(page.get_objects(filter=[pdf.FPDF_PAGEOBJ_TEXT], max_depth=_NESTING))
        for item in objects:
            pdf.FPDFPageObj_SetIsActive(item.raw, 0)
        self._without = bytes(page.render(scale=scale, grayscale=True).buffer)
        for item in objects:
            pdf.FPDFPageObj_SetIsActive(item.raw, 1)

    def close(self) -> None:
        """The text page must be closed before its page."""
        self.text.close()

    def letter(self, page: pdfium.PdfPage, index: int, character: str) -> Letter:
        """Where character `index` of the page stands."""
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        loose = pdf.FS_RECTF()
        pdf.FPDFText_GetCharBox(self.text.raw, index, left, right, bottom, top)
        pdf.FPDFText_GetLooseCharBox(self.text.raw, index, loose)
        x0, y0 = self._pixel(page, left.value, top.value)
        x1, y1 = self._pixel(page, right.value, bottom.value)
        return Letter(
            text=character,
            index=index,
            box=(
                max(0, min(x0, x1)),
                max(0, min(y0, y1)),
                min(self._width, max(x0, x1) + 1),
                min(self._height, max(y0, y1) + 1),
            ),
            width=abs(loose.right - loose.left),
            height=abs(loose.top - loose.bottom),
        )

    def _pixel(self, page: pdfium.PdfPage, x: float, y: float) -> tuple[int, int]:
        across, down = ctypes.c_int(), ctypes.c_int()
        pdf.FPDF_PageToDevice(page.raw, 0, 0, self._width, self._height, 0, x, y, across, down)
        return across.value, down.value

    def shows(self, word: list[Letter]) -> bool:
        """A reader sees at least half of the word's letters."""
        sides = [(max(letter.width, letter.height), min(letter.width, letter.height)) for letter in word]
        if max(long for long, _ in sides) < _LEAST_HEIGHT:
            return False
        if sum(short / long for long, short in sides if long) < _LEAST_ASPECT * len(word):
            return False
        seen = sum(self._changes(letter) for letter in word)
        return seen * 2 >= len(word) and not self._pale(word[len(word) // 2])

    def _rows(self, letter: Letter) -> Iterator[tuple[bytes, bytes]]:
        left, top, right, bottom = letter.box
        for row in range(top, bottom):
            cut = slice(row * self._stride + left, row * self._stride + right)
            yield self._with[cut], self._without[cut]

    def _changes(self, letter: Letter) -> bool:
        return any(
            max(map(abs, map(operator.sub, a, b)), default=0) >= LEAST_CONTRAST for a, b in self._rows(letter) if a != b
        )

    def _pale(self, letter: Letter) -> bool:
        """The ink has its background's colour: what changes the picture here is other text over it."""
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        item = pdf.FPDFText_GetTextObject(self.text.raw, letter.index)
        if not item or pdf.FPDFTextObj_GetTextRenderMode(item) != pdf.FPDF_TEXTRENDERMODE_FILL:
            return False
        if not pdf.FPDFText_GetFillColor(self.text.raw, letter.index, red, green, blue, alpha):
            return False
        ink = (red.value * 30 + green.value * 59 + blue.value * 11) // 100
        return all(abs(pixel - ink) < LEAST_CONTRAST for _, paper in self._rows(letter) for pixel in paper)

    def over_ink(self, word: list[Letter]) -> bool:
        """Text in an invisible mode that lies on something printed, as OCR lays words over a scan."""
        item = pdf.FPDFText_GetTextObject(self.text.raw, word[0].index)
        if not item or pdf.FPDFTextObj_GetTextRenderMode(item) not in _INVISIBLE:
            return False
        pixels = [pixel for letter in word for row, _ in self._rows(letter) for pixel in row]
        return bool(pixels) and max(pixels) - min(pixels) >= LEAST_CONTRAST
