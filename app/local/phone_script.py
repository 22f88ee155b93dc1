"""Conversations written down: a small format that a terminal phone can replay and check.

One step a line, `verb: argument`; blank lines and lines that begin with `#` are skipped.

    phone: new                      a fresh number (or digits); `name: Anna` sets the profile's name
    timeout: 20s                    how long a step may wait from here on
    candidate: Hello                says it and waits for an answer
    fragment: I am                  says it and goes on at once
    tap: Yes                        taps a button or row by title, id or number, and waits for an answer
    voice: / image: / document:     sends a file (a path, or a sample; a document may be given as text)
    location: 51.05, 3.72 Gent      latitude, longitude, name
    react: 👍   edit: text   unsend:
    offline:    online:             the phone loses and finds its network
    wait: 2s
    expect: words                   an answer since the last words of the candidate contains this (any case)
    expect: /pattern/               … or matches this regular expression (`/pattern/i`: any case)
    expect-not: words               no answer contains it
    expect-buttons: Yes | No        the titles of the newest buttons or rows, in order
    expect-replies: 1               that many answers, and no further one for two seconds
    expect-silence: 3s              no answer for that time
    expect-typing:                  "typing…" was shown since the last words
    expect-ticks: read              state of the candidate's last message: sent, delivered or read
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

SAYING = {"candidate", "fragment", "tap", "voice", "image", "document", "location", "react", "edit", "unsend"}
ANSWERED = {"candidate", "tap", "voice", "image", "document", "location"}
PHONE_STATE = {"offline", "online"}
EXPECTING = {"expect", "expect-not", "expect-buttons", "expect-replies", "expect-silence", "expect-typing"}
EXPECTING |= {"expect-ticks"}
SETTING = {"phone", "name", "timeout"}
VERBS = SAYING | PHONE_STATE | EXPECTING | SETTING | {"wait"}
WITHOUT_ARGUMENT = {"unsend", "offline", "online", "expect-typing", "voice", "image", "document"}
DURATIONS = {"wait", "timeout", "expect-silence"}
DEFAULT_TIMEOUT = 20.0


class ScriptError(Exception):
    """The script cannot be understood; the text names file, line and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    line: int
    verb: str
    argument: str
    seconds: float = 0.0
    pattern: re.Pattern[str] | None = None


@dataclass(slots=True, kw_only=True)
class Script:
    """`phone` empty: the caller's; "new": a fresh number."""

    source: str
    folder: Path
    phone: str = ""
    name: str = ""
    steps: list[Step] = field(default_factory=list)


def read_script(path: Path) -> Script:
    """Raises ScriptError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read ({type(error).__name__}); name a text file in UTF-8") from None
    return parse_script(text, source=str(path), folder=path.parent)


def parse_script(text: str, *, source: str, folder: Path) -> Script:
    """Raises ScriptError at the first faulty line."""
    script = Script(source=source, folder=folder)
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            _add(script, number, line)
        except ValueError as error:
            raise ScriptError(f"{source}:{number}: {error}") from None
    if not any(step.verb in SAYING for step in script.steps):
        raise ScriptError(f"{source}: the candidate never says anything; begin with a line like `candidate: Hello`")
    return script


def _add(script: Script, number: int, line: str) -> None:
    verb, colon, argument = line.partition(":")
    verb, argument = verb.strip().lower(), argument.strip()
    if not colon or verb not in VERBS:
        raise ValueError(f"{line[:40]!r} does not begin with one of: {', '.join(sorted(VERBS))}")
    if not argument and verb not in WITHOUT_ARGUMENT:
        raise ValueError(f"`{verb}:` needs something after the colon")
    if verb == "phone":
        script.phone = argument
    elif verb == "name":
        script.name = argument
    else:
        script.steps.append(_step(number, verb, argument))


def _step(number: int, verb: str, argument: str) -> Step:
    if verb in DURATIONS:
        return Step(line=number, verb=verb, argument=argument, seconds=_seconds(argument))
    if verb == "expect-replies" and not argument.isdigit():
        raise ValueError("`expect-replies:` needs a number")
    if verb == "expect-ticks" and argument not in {"sent", "delivered", "read"}:
        raise ValueError("`expect-ticks:` is sent, delivered or read")
    if verb in {"expect", "expect-not"}:
        return Step(line=number, verb=verb, argument=argument, pattern=_pattern(argument))
    if verb == "location":
        parse_location(argument)
    return Step(line=number, verb=verb, argument=argument)


def _seconds(argument: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|ms|m)?", argument)
    if found is None:
        raise ValueError(f"{argument!r} is not a duration; write 2s, 500ms or 1m")
    return float(found[1]) * {"ms": 0.001, "m": 60.0}.get(found[2] or "s", 1.0)


def _pattern(argument: str) -> re.Pattern[str]:
    found = re.fullmatch(r"/(.+)/(i?)", argument)
    if found is None:
        return re.compile(re.escape(argument), re.IGNORECASE)
    try:
        return re.compile(found[1], re.IGNORECASE if found[2] else 0)
    except re.error as error:
        raise ValueError(f"{argument} is not a regular expression: {error}") from None


def parse_location(argument: str) -> tuple[float, float, str]:
    """Latitude, longitude, name. Raises ValueError."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*(.*)", argument)
    if found is None:
        raise ValueError("a location is written `latitude, longitude name`, e.g. 51.05, 3.72 Gent")
    return float(found[1]), float(found[2]), found[3]
