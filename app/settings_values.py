"""Kinds of values that a variable can hold, and what is said about one; used by `app/settings.py` alone."""

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr


class Group(StrEnum):
    """Headings of `.railway-env.template`, in its order."""

    THINKING = "Who thinks"
    THOUGHT = "How long models may think and what that may cost"
    RECORD = "Record and memory: Supabase and Redis"
    WHATSAPP = "WhatsApp through 360Dialog"
    CHATWOOT = "Chatwoot, the recruiters' inbox"
    COMPANY = "What candidates are told"
    OPERATIONS = "Operations"
    SERVER = "Server and workers"
    PACE = "Pace of a conversation, in seconds"
    SCALING = "Number of replicas: `python -m app autoscale` alone reads these"
    RAILWAY = "Set by Railway itself: leave out"
    LOCAL = "Local mode only"


@dataclass(frozen=True, slots=True)
class Var:
    """What a person who sets the variable must know besides its type and purpose."""

    group: Group
    form: str = ""  # what a value looks like
    source: str = ""  # where to get a value
    security: str = ""  # what a leak or a wrong value costs
    required: bool = False  # in production and staging
    aliases: tuple[str, ...] = ()  # other names, read when the variable itself is unset


class Fault(NamedTuple):
    """One faulty variable; `reason` never contains the value."""

    name: str
    reason: str


class SettingsError(Exception):
    """The environment cannot be used; the text names every faulty variable, one per line."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        lines = [f"  {fault.name} {fault.reason}" for fault in faults]
        head = "1 setting is faulty:" if len(faults) == 1 else f"{len(faults)} settings are faulty:"
        super().__init__("\n".join([head, *lines]))


def text_of(value: object) -> str:
    """The bare text of a value, secrets included: for checks only, never for messages."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _url(schemes: str, what: str) -> AfterValidator:
    """A URL with a host and one of the schemes (separated by spaces)."""

    def check(value: str | SecretStr) -> str | SecretStr:
        text = text_of(value)
        try:
            parts = urlsplit(text)
            # A socket is located by the path of unix:// or by libpq's `?host=/folder`.
            located = parts.hostname or (parts.scheme == "unix" and parts.path) or "host=/" in parts.query
            _ = parts.port  # raises for a port that is no number
        except ValueError:
            raise ValueError(f"is not {what}") from None
        if parts.scheme not in schemes.split() or not located or re.search(r"\s", text):
            raise ValueError(f"is not {what}")
        return value

    return AfterValidator(check)


def _without_trailing_slash(value: str) -> str:
    return value.rstrip("/")


def _database_zero(value: SecretStr) -> SecretStr:
    """RediSearch indexes live in database 0 only (source: Redis manual, FT.CREATE)."""
    parts = urlsplit(value.get_secret_value())
    in_path = parts.scheme != "unix" and parts.path.strip("/") not in {"", "0"}
    if in_path or re.search(r"(^|&)db=(?!0($|&))", parts.query):
        raise ValueError("names a database other than 0; RediSearch works in database 0 only")
    return value


def _key_of_32_bytes(value: SecretStr) -> SecretStr:
    try:
        size = len(base64.b64decode(value.get_secret_value(), validate=True))
    except binascii.Error:
        raise ValueError("is not base64; make one with: openssl rand -base64 32") from None
    if size != 32:
        raise ValueError(f"holds {size} bytes instead of 32; make one with: openssl rand -base64 32")
    return value


HttpUrl = Annotated[str, _url("http https", "an http(s) URL with a host"), AfterValidator(_without_trailing_slash)]
RedisUrl = Annotated[
    SecretStr,
    _url("redis rediss unix", "a redis://, rediss:// or unix:// URL"),
    AfterValidator(_database_zero),
]
PostgresUrl = Annotated[SecretStr, _url("postgres postgresql", "a postgresql:// URL with a host")]
SentryDsn = Annotated[SecretStr, _url("http https", "a Sentry DSN (https://<key>@<host>/<project>)")]
EncryptionKey = Annotated[SecretStr, AfterValidator(_key_of_32_bytes)]
RecordId = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(gt=0, lt=65_536)]
Count = Annotated[int, Field(gt=0, le=10_000)]
Percent = Annotated[int, Field(ge=10, le=100)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
EnvironmentName = Literal["production", "staging", "development", "test"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
WorkerMode = Literal["inline", "off"]
Effort = Literal["low", "medium", "high"]
Dollars = Annotated[float, Field(gt=0, le=10_000)]

# What templates and manuals put where a value belongs: `changeme`, `your-key`, `sk-your-key`, `https://your-project.…`,
# `<key>`, `[YOUR-PASSWORD]` (Supabase's connection strings), `xxx`, `...`.
_PLACEHOLDER: Final = re.compile(
    r"(?:change|replace)[-_ ]?me|<[^<>]*>|\[your[^\]]*\]|(?:^|[^a-z0-9])your[-_ ]|^your(?:key|token|secret)"
    r"|^x{3,}$|^\.+$",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Whether nobody has filled the value in yet."""
    return _PLACEHOLDER.search(text) is not None


def leaves_in_clear_text(url: str) -> bool:
    """Whether `url` would carry keys unencrypted over a public network (plain http to a public host)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or "." not in host.strip(".") or host.endswith((".internal", ".local", ".localhost")):
        return False
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return True
