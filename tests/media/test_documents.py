"""Documents through the real reading process: what is read, what is refused, and what a hostile file cannot do."""

import asyncio
import hashlib
import io
import subprocess
import sys
import time
import zipfile
import zlib

import docx as python_docx
import psutil
import pytest
from docx.enum.text import WD_BREAK
from fpdf import FPDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.agents.documents import DocumentReader, DocumentRefused, DocumentText, Reason, Remark
from app.agents.documents_magic import DOCX, PDF, TEXT
from app.local.sample_files import pdf as sample_pdf
from app.local.sample_files import png
from tests.fixtures.documents import CONTENT_TYPES, docx, line, packed, paragraph, pdf, zip_claiming, zipped


async def read(content: bytes, mime: str = PDF, filename: str = "", *, seconds: float = 20.0) -> DocumentText:
    return await DocumentReader(seconds=seconds).read_document(content, mime, filename)


async def refusal(content: bytes, mime: str = PDF, *, seconds: float = 20.0) -> Reason:
    with pytest.raises(DocumentRefused) as refused:
        await read(content, mime, seconds=seconds)
    return refused.value.reason


async def outcome(content: bytes) -> DocumentText | Reason:
    try:
        return await read(content)
    except DocumentRefused as refused:
        return refused.reason


def cv_pdf(*, owner: str = "", user: str | None = None) -> bytes:
    """Two pages by a library that many programs use: compressed streams, kerning, links."""
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=20)
    made.cell(text="Jan de Vries", new_x="LMARGIN", new_y="NEXT")
    made.set_font("times", size=11)
    made.multi_cell(0, 6, "Forklift driver in Rotterdam since 2019.\nLanguages: Dutch, English (B2).")
    made.add_page()
    made.set_font("helvetica", size=11)
    made.cell(text="Licence: B and CE", link="https://example.test/")
    if owner:
        made.set_encryption(owner, user)
    return bytes(made.output())


async def test_a_pdf_is_read_page_by_page() -> None:
    content = cv_pdf()
    document = await read(content, PDF, "cv.pdf")
    assert [page.number for page in document.pages] == [1, 2]
    assert document.pages[0].text == (
        "Jan de Vries\nForklift driver in Rotterdam since 2019.\nLanguages: Dutch, English (B2)."
    )
    assert document.pages[1].text == "Licence: B and CE"
    assert (document.kind, document.mime, document.scanned) == ("pdf", PDF, False)
    assert (document.hidden_text_ratio, document.warnings) == (0.0, [])
    assert document.sha256 == hashlib.sha256(content).hexdigest()


async def test_the_twins_sample_cv_is_read() -> None:
    document = await read(sample_pdf("Curriculum vitae\nAnna Kok\nNurse in Utrecht"))
    assert document.text == "Curriculum vitae\nAnna Kok\nNurse in Utrecht"


async def test_a_word_document_is_read_with_its_tables_and_pages() -> None:
    made = python_docx.Document()
    made.add_heading("Анна Коваль", 0)
    made.add_paragraph("Живу у Львові. أسكن في أوتريخت").add_run(" I work nights.").bold = True
    table = made.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "2019–2024", "Packer, Tilburg"
    made.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    made.add_paragraph("Second page")
    made.sections[0].header.paragraphs[0].text = "anna@example.test"
    buffer = io.BytesIO()
    made.save(buffer)
    document = await read(buffer.getvalue(), DOCX, "Резюме.docx")
    assert [page.number for page in document.pages] == [1, 2]
    assert document.pages[0].text.split("\n")[0] == "anna@example.test"
    assert "Живу у Львові. أسكن في أوتريخت I work nights." in document.pages[0].text
    assert "2019–2024" in document.pages[0].text
    assert "Packer, Tilburg" in document.pages[0].text
    assert document.pages[1].text == "Second page"
    assert (document.kind, document.mime, document.hidden_text_ratio, document.warnings) == ("docx", DOCX, 0.0, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_plain_text_is_read_when_its_encoding_is_certain(encoding: str) -> None:
    document = await read("Привіт, я Анна\r\nLwów".encode(encoding), TEXT, "cv.txt")
    assert (document.kind, document.text) == ("text", "Привіт, я Анна\nLwów")


async def test_text_in_an_old_code_page_is_refused_and_not_guessed() -> None:
    assert await refusal("Привіт, я Анна".encode("cp1251"), TEXT) is Reason.UNSUPPORTED


async def test_only_the_bytes_say_what_a_document_is() -> None:
    document = await read(docx(paragraph("Hello from Word")), PDF, "cv.pdf")
    assert (document.kind, document.mime, document.text) == ("docx", DOCX, "Hello from Word")
    assert document.warnings == [Remark.MIME_MISMATCH]
    assert (await read(cv_pdf(), "application/octet-stream", "")).warnings == []
    assert (await read(cv_pdf(), PDF, "cv.docx")).warnings == [Remark.MIME_MISMATCH]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (png(), Reason.PICTURE),
        (b"\xff\xd8\xff\xe0photo of a cv", Reason.PICTURE),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Reason.PICTURE),
        (b"\x00\x00\x00\x18ftypheic", Reason.PICTURE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 word 97", Reason.OLD_WORD),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), Reason.ENCRYPTED),
        (b"{\\rtf1 hello}", Reason.UNSUPPORTED),
        (b"<html><body>cv</body></html>", Reason.UNSUPPORTED),
        (b"MZ\x90\x00\x03program", Reason.UNSUPPORTED),
        (b"%PDF-1.4 nothing follows", Reason.DAMAGED),
        (b"PK\x03\x04 nothing follows", Reason.DAMAGED),
        (zipped({"holiday.txt": b"just a zip"}), Reason.UNSUPPORTED),
        (docx("", main="word/document.xml", root="workbook"), Reason.UNSUPPORTED),
        (docx("<w:p>"), Reason.DAMAGED),
    ],
)
async def test_what_cannot_be_read_is_refused_with_its_reason(content: bytes, reason: Reason) -> None:
    assert await refusal(content) is reason


async def test_a_password_is_a_reason_of_its_own() -> None:
    assert await refusal(cv_pdf(owner="o", user="u")) is Reason.ENCRYPTED
    readable = await read(cv_pdf(owner="o"))  # printing forbidden, reading allowed
    assert readable.pages[1].text == "Licence: B and CE"


async def test_two_formats_in_one_file_are_refused() -> None:
    word = docx(paragraph("I am also a Word document"))
    assert await refusal(cv_pdf() + word) is Reason.MIXED
    assert await refusal(b"PK\x03\x04" + b"\x00" * 26 + cv_pdf() + word) is Reason.MIXED
    assert await refusal(b"MZ\x90\x00" + cv_pdf()) is Reason.UNSUPPORTED


async def test_a_book_is_refused_and_a_long_cv_read_in_part() -> None:
    assert await refusal(pdf(*[line("page")] * 10_000)) is Reason.TOO_MANY_PAGES
    document = await read(pdf(*[line(f"page {number}") for number in range(1, 31)]))
    assert len(document.pages) == 20
    assert Remark.MORE_PAGES in document.warnings


async def test_too_many_bytes_are_refused_before_anything_is_started() -> None:
    started = time.monotonic()
    assert await refusal(b"%PDF-1.7" + bytes(21 * 1024 * 1024)) is Reason.TOO_LARGE
    assert time.monotonic() - started < 0.5


def bomb(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes * 1024 * 1024), 9)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(docx(paragraph("a" * 60_000_000)), id="unpacked"),
        pytest.param(
            docx("<w:p><w:r><w:t>" + "<w:b>" * 2_000 + "</w:b>" * 2_000 + "</w:t></w:r></w:p>"), id="deep nesting"
        ),
        pytest.param(
            zipped(
                {
                    "[Content_Types].xml": CONTENT_TYPES,
                    "_rels/.rels": b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><x>&b;</x>",
                }
            ),
            id="entities",
        ),
        pytest.param(zipped({f"{number}.xml": b"" for number in range(6_000)}), id="entries"),
        pytest.param(
            zip_claiming(
                {"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": b" " * 60_000_000}, sizes={"_rels/.rels": 10}
            ),
            id="lying directory",
        ),
    ],
)
async def test_a_zip_bomb_is_given_up(content: bytes) -> None:
    assert len(content) < 1_000_000
    assert await refusal(content, DOCX) in {Reason.TOO_COMPLEX, Reason.DAMAGED}


async def test_a_part_that_is_there_twice_is_refused() -> None:
    content = docx(paragraph("the one a reader sees"))
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("word/document.xml", b"the other")
    assert await refusal(buffer.getvalue(), DOCX) is Reason.DAMAGED


async def test_a_stream_that_unpacks_to_more_than_memory_does_not_reach_the_worker() -> None:
    """The reading process may die of it; the worker's memory must not feel it."""
    twice = zlib.compress(bomb(900), 9)
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    form = b"<< /Length %d %s /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
    content = pdf(line("Anna") + " /X0 Do", xobjects={"X0": form % (len(twice), entries, twice)})
    before = psutil.Process().memory_info().rss
    found = await outcome(content)
    assert found in {Reason.TOO_COMPLEX, Reason.DAMAGED} or (isinstance(found, DocumentText) and found.text == "Anna")
    assert psutil.Process().memory_info().rss - before < 30 * 1024 * 1024


def endless() -> bytes:
    """Forms that draw one another ten times each, fourteen levels deep: nobody finishes that page."""
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    forms = []
    for level in range(14):
        drawn = b"0 0 9 9 re f" if level == 13 else b"/N Do " * 10
        links = b" /Resources << /XObject << /N %d 0 R >> >>" % (11 + level) if level < 13 else b""
        forms.append(packed(drawn, entries + links))
    return pdf("/X0 Do", xobjects={"X0": forms[0]}, extra=forms)


async def test_a_page_that_never_ends_is_given_up_while_the_worker_goes_on() -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    beating = asyncio.create_task(heart())
    started = time.monotonic()
    assert await refusal(endless(), seconds=1.0) is Reason.TOO_COMPLEX
    took = time.monotonic() - started
    beating.cancel()
    assert took < 3.0
    assert beats > 30
    assert not children()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if is_reading(child)]


def is_reading(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE and "app.agents.documents_child" in child.cmdline()
    except psutil.NoSuchProcess:  # ended since it was listed
        return False


async def test_a_cancelled_turn_leaves_no_reading_process() -> None:
    reading = asyncio.create_task(read(endless()))
    deadline = time.monotonic() + 10
    while not children():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert not children()


async def test_no_more_documents_are_read_at_once_than_allowed() -> None:
    reader = DocumentReader(parallel=2)
    most = 0
    reading = [asyncio.create_task(reader.read_document(cv_pdf(), PDF)) for _ in range(8)]
    while not all(task.done() for task in reading):
        most = max(most, len(children()))
        await asyncio.sleep(0.005)
    assert {task.result().pages[1].text for task in reading} == {"Licence: B and CE"}
    assert most <= 2


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/hostname')",
        "open('/tmp/written-by-a-document', 'w')",
        "import socket; socket.socket()",
        "import os; os.pipe()",
        "import subprocess; subprocess.run(['/bin/true'])",
        "bytearray(2_000_000_000)",
    ],
)
def test_the_reading_process_can_reach_nothing(attempt: str) -> None:
    code = f"""
import socket, subprocess, os
from app.agents.documents_child import confine
confine()
try:
    {attempt}
except (OSError, MemoryError):
    raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 7


async def test_the_reading_process_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-for-a-parser")
    reading = asyncio.create_task(read(endless(), seconds=5))
    deadline = time.monotonic() + 10
    while not children():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    [child] = children()
    assert "ANTHROPIC_API_KEY" not in child.environ()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 4_000), noise=st.binary(min_size=1, max_size=12), which=st.sampled_from(["pdf", "docx"]))
async def test_a_damaged_file_is_read_or_refused_and_nothing_else(at: int, noise: bytes, which: str) -> None:
    whole = cv_pdf() if which == "pdf" else docx(paragraph("Anna Kok"))
    at %= len(whole)
    content = whole[:at] + noise + whole[at + len(noise) :]
    found = await outcome(content)
    assert found is not Reason.UNAVAILABLE
    assert isinstance(found, Reason) or 0.0 <= found.hidden_text_ratio <= 1.0
