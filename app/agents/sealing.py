"""What may lie in a checkpoint, and how it lies there: plain JSON, sealed with AES-GCM when there is a key."""

import base64
import os
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_LONGEST_INTEGER = 2**63


class SealError(ValueError):
    """Stored content that this process cannot read: another key, another place, or damage."""


def _is_json(value: Any) -> bool:
    """The same without a path: what every stored state goes through, so without words for what is well."""
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is float:
        return True
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_json, value.values()))
    if kind is list or kind is tuple:
        return all(map(_is_json, value))
    if isinstance(value, int):
        return -_LONGEST_INTEGER <= value < _LONGEST_INTEGER
    return isinstance(value, str | float)


def assert_json(value: Any, path: str = "$") -> None:
    """Raises TypeError naming the path of the first value that is not plain JSON; never the value itself."""
    if value is None or isinstance(value, str | bool | float):
        return
    if isinstance(value, int):
        if not -_LONGEST_INTEGER <= value < _LONGEST_INTEGER:
            raise TypeError(f"{path}: an integer of more than 64 bits; keep it as a string")
        return
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            assert_json(item, f"{path}[{index}]")
        return
    if not isinstance(value, dict):
        raise TypeError(f"{path}: {type(value).__name__} is not JSON; store msgspec.to_builtins of it")
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{path}: a key that is no string")
        assert_json(item, f"{path}.{key}")


class Seal:
    """Values to stored strings and back. Nothing that is read can name a class to import: only JSON comes out.

    `place` says where the string lies (thread, checkpoint, write). It is authenticated with it, so that a sealed
    value copied to another conversation does not open there.
    """

    def __init__(self, key: bytes | None) -> None:
        """`key`: 16, 24 or 32 bytes; None stores JSON as it is."""
        self._cipher = AESGCM(key) if key else None

    def close(self, value: Any, place: str) -> str:
        """Raises TypeError for what is not JSON."""
        if not _is_json(value):
            assert_json(value)
        content = orjson.dumps(value)
        if self._cipher is None:
            return content.decode()
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, content, place.encode())).decode()

    def open(self, stored: str, place: str) -> Any:
        """Raises SealError."""
        try:
            content = stored.encode() if self._cipher is None else self._decrypt(self._cipher, stored, place)
            return orjson.loads(content)
        except (ValueError, InvalidTag) as error:  # bad base64, JSON or nonce; wrong key or place
            raise SealError("a stored checkpoint does not open with STATE_ENCRYPTION_KEY") from error

    @staticmethod
    def _decrypt(cipher: AESGCM, stored: str, place: str) -> bytes:
        sealed = base64.b64decode(stored, validate=True)
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
