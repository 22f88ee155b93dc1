"""Consent: one purpose each, tied to the exact text that was shown, revocable, and before any field."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What a person agrees to; never bundled (GDPR Art. 7)."""

    INTAKE = "whatsapp_intake"  # ask and keep job details over WhatsApp with an AI assistant
    TALENT_POOL = "talent_pool"  # keep the profile for other jobs; asked later, separately


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the append-only consent record. `method` is the tapped button's id, or `text`."""

    purpose: str
    granted: bool
    text_version: str
    language: str
    message_id: str
    method: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The latest word of a person on one purpose, as the record returns it."""

    purpose: str
    granted: bool
    text_version: str = ""


def text_version(text: str) -> str:
    """Identifies the wording a person saw: 16 hex digits of its BLAKE2b."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def granted(standings: Iterable[Standing], purpose: Purpose) -> bool:
    """Whether the latest word on the purpose is yes. No word is no."""
    latest = {standing.purpose: standing.granted for standing in standings}
    return latest.get(purpose, False)
