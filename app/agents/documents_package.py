"""Parts of an Office file: a ZIP of XML, unpacked as a stream under limits that hold whatever it claims of itself."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.parsers import expat

from app.agents.documents_text import DocumentRefused, Reason

_MOST_UNPACKED = 40_000_000  # bytes over all parts that are read
_MOST_ENTRIES = 5_000
_MOST_DEPTH = 500
_CHUNK = 65_536
_STORED_OR_DEFLATED = frozenset({0, 8})

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class Package:
    """One file. Opening and reading raise DocumentRefused."""

    def __init__(self, content: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OverflowError, UnicodeDecodeError):
            raise DocumentRefused(Reason.DAMAGED) from None
        names = self._zip.namelist()
        if len(names) > _MOST_ENTRIES:
            raise DocumentRefused(Reason.TOO_COMPLEX)
        if len(names) != len(set(names)):  # two readers would see two documents
            raise DocumentRefused(Reason.DAMAGED)
        self._names = frozenset(names)
        self._room = _MOST_UNPACKED

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def parse(self, name: str, start: Start, end: End | None = None, text: End | None = None) -> None:
        """Stream one XML part; names come without their namespace. Raises DocumentRefused."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        depth = 0

        def begin(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _MOST_DEPTH:
                raise DocumentRefused(Reason.TOO_COMPLEX)
            start(_local(tag), {_local(key): value for key, value in attributes.items()})

        def finish_element(tag: str) -> None:
            nonlocal depth
            depth -= 1
            if end is not None:
                end(_local(tag))

        parser.StartElementHandler = begin
        parser.EndElementHandler = finish_element
        parser.StartDoctypeDeclHandler = _refuse_doctype
        if text is not None:
            parser.CharacterDataHandler = text
        try:
            for chunk in self._chunks(name):
                parser.Parse(chunk, False)  # noqa: FBT003 expat takes no keyword
            parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError:
            raise DocumentRefused(Reason.DAMAGED) from None

    def _chunks(self, name: str) -> Iterator[bytes]:
        info = self._zip.getinfo(name)
        if info.flag_bits & 1:
            raise DocumentRefused(Reason.ENCRYPTED)
        if info.compress_type not in _STORED_OR_DEFLATED:
            raise DocumentRefused(Reason.DAMAGED)
        try:
            with self._zip.open(info) as part:
                while chunk := part.read(_CHUNK):
                    self._room -= len(chunk)
                    if self._room < 0:
                        raise DocumentRefused(Reason.TOO_COMPLEX)
                    yield chunk
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, zlib.error):
            raise DocumentRefused(Reason.DAMAGED) from None


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _refuse_doctype(*_: object) -> None:
    """Office writes none; with one come entities that grow."""
    raise DocumentRefused(Reason.TOO_COMPLEX)


class Relation(NamedTuple):
    """`kind` is the last word of its type: `officeDocument`, `styles`, `header`, …"""

    id: str
    kind: str
    target: str


def relations(package: Package, part: str) -> list[Relation]:
    """What a part refers to inside the package; the package's own list for an empty name."""
    folder, _, name = part.rpartition("/")
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    found: list[Relation] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            full = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found.append(Relation(attributes.get("Id", ""), attributes.get("Type", "").rpartition("/")[2], full))

    if path in package:
        package.parse(path, start)
    return [relation for relation in found if relation.target in package]
