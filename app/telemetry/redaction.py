"""The second lock on logs and error reports: only fields and texts known to be harmless pass.

The first lock is that no caller logs a candidate's words, number or name. This one holds when a caller forgets:
a field passes by its name (allow-list), its value by its shape, an exception by its type and place.
"""

import re
import traceback
from collections.abc import Mapping
from pathlib import Path

MASK = "[redacted]"
MAX_TEXT = 300
MAX_ITEMS = 20
MAX_FRAMES = 25

# Identifiers: values made of id characters only. `conversation` is the pseudonymous mailbox address.
ID_FIELDS = frozenset(
    {
        "action", "address", "agent", "app", "argument", "asked", "attempt", "author", "breaker", "caller",
        "candidate_id", "channel", "chatwoot_conversation", "check", "checkpoint_id", "code", "commit", "component",
        "consumer", "conversation", "conversation_id", "cursor", "decision", "deployment", "direction", "docket",
        "effect", "endpoint", "engine", "environment", "error", "error_class", "error_code", "error_type", "event_id",
        "exception_type", "expected", "fence", "field", "file", "found", "from_state", "function", "handoff", "host",
        "intent", "job", "key", "kind", "language", "level", "logger", "method", "mode", "model", "name", "number_id",
        "operation", "outbox_id", "outcome", "owner", "path_template", "phase", "pid", "policy", "policy_version",
        "port", "previous", "prompt_version", "provider", "purpose", "queue", "railway_request_id", "reason",
        "region", "release", "replica", "replica_id", "request_id", "route", "rule", "rule_id", "scope", "seq",
        "server", "service", "setting", "severity", "signal", "size", "source", "stage", "state", "status",
        "status_class", "step", "store", "stream", "table", "target", "task", "task_id", "tier", "to_state",
        "trace_id", "turn", "turn_id", "turn_no", "type", "unit", "urgency", "url", "vacancy_id", "variable",
        "vendor", "vendor_code", "vendor_trace", "version", "worker", "worker_id",
    }
)  # fmt: skip
# Our own sentences (never a candidate's): shown after numbers, addresses and tokens in them are masked.
TEXT_FIELDS = frozenset({"advice", "exception_message", "explanation", "hint", "problem", "remark", "template"})
LIST_FIELDS = frozenset(
    {"components", "exception_frames", "faults", "fields", "missing", "outcomes", "tasks", "variables", "warnings"}
)
ALLOWED_FIELDS = ID_FIELDS | TEXT_FIELDS | LIST_FIELDS

# Numbers below this pass under any name: too short for a phone number, too poor for words.
_HARMLESS_NUMBER = 10_000_000
MEASURES = ("_ms", "_seconds", "_s", "_bytes", "_total", "_count", "_at", "_mb", "_usd", "_tokens")

# No spaces: a name or a sentence in an identifier's field does not pass.
_ID = re.compile(r"[A-Za-z0-9_.:/#<>=\-*{}]{0,200}\Z")
_PHONE = re.compile(r"\+?\d(?:[ \-.()/]?\d){7,}")
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+")
_SECRET = re.compile(
    r"(?i)(wamid\.[\w+/=\-]+|bearer\s+\S+|basic\s+[\w+/=]+|sk-[\w\-]+|sb_\w+|eyJ[\w\-]+\.[\w\-]+\.?[\w\-]*"
    r"|(?:api[_-]?key|token|secret|password|authorization|signature)\s*[=:]\s*(?:bearer\s+|basic\s+)?\S+)"
)
_QUERY = re.compile(r"\?[^\s\"'<>]*")
_USERINFO = re.compile(r"://[^/\s@]*@")
_EVENT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*\Z")
_TRACE_LINE = re.compile(r'^  File "([^"\n]+)", line (\d+), in (\S+)$', re.MULTILINE)
_TRACE_END = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_ROOT = str(Path(__file__).resolve().parents[2]) + "/"


def scrub(text: str) -> str:
    """Mask what looks like a phone number, an e-mail address, a token or a query string; cut to 300 characters."""
    text = _QUERY.sub("", _USERINFO.sub("://", text))
    text = _EMAIL.sub(MASK, _SECRET.sub(MASK, text))
    return _PHONE.sub(MASK, text)[:MAX_TEXT]


def safe_id(value: str) -> str:
    """An identifier as it is, or a mask when it holds other characters or is nothing but a long number."""
    if not _ID.match(value):
        return MASK
    if "wamid." in value or "?" in value:
        return MASK
    digits = sum(char.isdigit() for char in value)
    if digits >= 8 and not any(char.isalpha() for char in value):
        return MASK  # a phone number wears no letters; our ids do
    return value


def safe_value(name: str, value: object) -> object | None:
    """What may be written of `value` under the field `name`; None when nothing may."""
    shown: object | None = None
    if value is None or isinstance(value, bool):
        shown = value
    elif isinstance(value, int | float):
        known = name in ALLOWED_FIELDS or name.endswith(MEASURES)
        shown = value if known or abs(value) < _HARMLESS_NUMBER else None
    elif isinstance(value, BaseException):
        shown = type(value).__name__ if name in ALLOWED_FIELDS else None
    elif name in TEXT_FIELDS:
        shown = scrub(str(value))
    elif name in LIST_FIELDS and isinstance(value, list | tuple | set | frozenset):
        shown = [scrub(str(item)) for item in list(value)[:MAX_ITEMS]]
    elif name in ID_FIELDS:
        shown = safe_id(str(value))
    return shown


def safe_fields(fields: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """The fields that may be written, and the names of those that were withheld."""
    kept: dict[str, object] = {}
    withheld: list[str] = []
    for name, value in fields.items():
        shown = safe_value(name, value)
        if shown is None and value is not None:
            withheld.append(name if _EVENT.match(name) else MASK)
        else:
            kept[name] = shown
    return kept, withheld


def is_event_name(text: str) -> bool:
    """Events are dotted lower-case names (`turn.completed`); anything else may be a sentence about a person."""
    return len(text) <= 80 and _EVENT.match(text) is not None


def describe_exception(error: BaseException) -> dict[str, object]:
    """Type, place and cause of an error.

    Its words are shown only when the class is our own: those messages are written to be read by operators, while a
    library's may quote its input.
    """
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < 5:
        chain.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    described: dict[str, object] = {"exception_type": " <- ".join(chain), "exception_frames": frames(error)}
    if type(error).__module__.split(".")[0] == "app":
        described["exception_message"] = scrub(str(error))
    return described


def describe_traceback(text: str) -> dict[str, object]:
    """Type and place out of a formatted traceback, as uvicorn logs a failed start; empty for any other text."""
    if not text.startswith("Traceback (most recent call last)"):
        return {}
    places = [f"{_place(file)}:{line} {name}" for file, line, name in _TRACE_LINE.findall(text)]
    ends = _TRACE_END.findall(text)
    return {"exception_type": ends[-1] if ends else "unknown", "exception_frames": places[-MAX_FRAMES:]}


def frames(error: BaseException) -> list[str]:
    """`file:line function` of each frame, innermost last, without source text or variables."""
    summary = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in summary]


def _place(filename: str) -> str:
    name = filename.removeprefix(_ROOT)
    return name.split("site-packages/")[-1]
