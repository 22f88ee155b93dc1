"""Where a twin keeps its state over restarts of the house: one JSON file, and files beside it for media."""

from pathlib import Path
from typing import TypeVar

import msgspec

from app.local.errors import LocalServerError

T = TypeVar("T", bound=msgspec.Struct)


class SnapshotFile:
    """`path` None keeps nothing. The JSON is swapped in whole, so that a crash leaves the old one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._blobs = path.with_suffix(".files") if path is not None else None

    def read(self, kind: type[T]) -> T | None:
        """None when there is no snapshot yet. Raises LocalServerError when it cannot be understood."""
        if self._path is None or not self._path.exists():
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=kind)
        except msgspec.DecodeError as error:
            raise LocalServerError(
                f"{self._path} is damaged or of another version ({error}): delete it, or start with --fresh"
            ) from None

    def write(self, state: msgspec.Struct) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(state))
        part.replace(self._path)

    def read_blobs(self) -> dict[str, bytes]:
        if self._blobs is None:
            return {}
        return {path.name: path.read_bytes() for path in self._blobs.glob("*")}

    def write_blob(self, name: str, content: bytes) -> None:
        if self._blobs is not None:
            self._blobs.mkdir(parents=True, exist_ok=True)
            (self._blobs / name).write_bytes(content)

    def drop_blob(self, name: str) -> None:
        if self._blobs is not None:
            (self._blobs / name).unlink(missing_ok=True)
