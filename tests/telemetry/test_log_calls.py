"""Every log call of the service names its event and uses fields that the allow-list lets through."""

import ast
from collections.abc import Iterator
from pathlib import Path

import app
from app.telemetry.redaction import ALLOWED_FIELDS, MEASURES, is_event_name

ROOT = Path(app.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# Given to structlog itself, not written as fields.
CONTROL = {"exc_info"}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
                continue
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if name.strip("_") in {"log", "logger"}:
                yield f"{file.relative_to(ROOT.parent)}:{node.lineno}", node


def test_every_event_has_a_dotted_constant_name() -> None:
    wrong = [
        place
        for place, call in _calls()
        if not (call.args and isinstance(call.args[0], ast.Constant) and is_event_name(str(call.args[0].value)))
        or "." not in str(call.args[0].value)
    ]
    assert wrong == [], "log events are constants such as 'turn.completed'"


def test_every_field_is_on_the_allow_list_or_a_measure() -> None:
    wrong = [
        f"{place} {keyword.arg}"
        for place, call in _calls()
        for keyword in call.keywords
        if keyword.arg
        and keyword.arg not in ALLOWED_FIELDS | CONTROL
        and not keyword.arg.endswith(MEASURES)
        and keyword.arg not in COUNTS
    ]
    assert wrong == [], "add the name to app/telemetry/redaction.py, or count it under one of its suffixes"


# Names of plain counts and flags: never text, never a number beyond ten million.
COUNTS = {
    "applied",
    "attempts",
    "coalesced",
    "count",
    "events",
    "messages",
    "recruiter_messages",
    "restarts",
    "rows",
    "tries",
}
