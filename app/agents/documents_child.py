"""The process that reads one document: `python -m app.agents.documents_child KIND`, bytes in, a Verdict out.

Parsers of strangers' files are the likeliest way in, so this process has nothing: no environment, no key, no files or
sockets beyond the three it was born with, bounded memory, time and output. Whatever happens to it, the worker goes on.
"""

import codecs
import sys

import msgspec

from app.agents.documents_docx import read_docx
from app.agents.documents_magic import Kind, plain_text
from app.agents.documents_pdf import read_pdf
from app.agents.documents_text import DocumentRefused, Reading, Reason, Verdict, finish
from app.confined import inside

# Python loads codecs when they are first used; then nothing can be opened any more.
for _codec in ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp437"):
    codecs.lookup(_codec)

MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 10  # twenty dense pages take less than two


def confine() -> None:
    """No more than reading needs."""
    inside.confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)


def read(kind: Kind, content: bytes) -> Reading:
    """Raises DocumentRefused."""
    match kind:
        case Kind.PDF:
            return read_pdf(content)
        case Kind.DOCX:
            return read_docx(content)
        case Kind.TEXT:
            return finish([plain_text(content) or ""], hidden=0, scanned=False, warnings=set())


def main() -> None:
    """Answers always, unless a limit kills it."""
    kind = Kind(sys.argv[1])
    confine()
    try:
        verdict = Verdict(reading=read(kind, sys.stdin.buffer.read()))
    except DocumentRefused as refused:
        verdict = Verdict(refused=refused.reason)
    except (MemoryError, RecursionError):
        verdict = Verdict(refused=Reason.TOO_COMPLEX)
    sys.stdout.buffer.write(msgspec.json.encode(verdict))


if __name__ == "__main__":
    main()
