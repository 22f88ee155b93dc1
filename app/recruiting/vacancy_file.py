"""Vacancies from a TOML file, and where in it a mistake stands."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_lint import Fault, Place, lint

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `(\w+)`")
_MISSING = re.compile(r"missing required field `(\w+)`")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    vacancies: list[Vacancy]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds: vacancies only if nothing is wrong; `faults` as lines for a person."""

    vacancies: list[Vacancy]
    faults: list[str]
    warnings: list[str]


def check_file(path: Path) -> Checked:
    """Read and lint. Raises OSError."""
    return check_text(path.read_text(encoding="utf-8-sig", errors="replace"), path.name)


def check_text(text: str, name: str) -> Checked:
    """The same for a text; `name` is how messages call the file."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Checked(vacancies=[], faults=[f"{name}: this is no TOML: {error}"], warnings=[])
    try:
        # Through JSON's types, so that a file and the record hold the same (TOML has dates).
        vacancies = msgspec.convert(msgspec.to_builtins(msgspec.convert(data, _File)), _File).vacancies
    except msgspec.ValidationError as error:
        return Checked(vacancies=[], faults=[_told(_misfit(str(error)), text, name, data)], warnings=[])
    if not vacancies:
        return Checked(vacancies=[], faults=[f"{name}: no vacancy; begin one with [[vacancies]]"], warnings=[])
    faults = lint(vacancies)
    told = [_told(fault, text, name, data) for fault in faults]
    sound = not any(not fault.warning for fault in faults)
    return Checked(
        vacancies=vacancies if sound else [],
        faults=[line for line, fault in zip(told, faults, strict=True) if not fault.warning],
        warnings=[line for line, fault in zip(told, faults, strict=True) if fault.warning],
    )


def _misfit(message: str) -> Fault:
    """msgspec's message with its path: "Expected `int`, got `str` - at `$.vacancies[0].criteria[1].weight`"."""
    what, _, path = message.partition(" - at `$")
    place: list[str | int] = []
    for name, index in _STEP.findall(path):
        place.append(name or (int(index) if index.isdigit() else index))
    text = what[:1].lower() + what[1:]
    if match := _UNKNOWN.search(what):
        place.append(match[1])
        text = f"there is no {match[1]!r} here; see examples/vacancies.toml"
    elif match := _MISSING.search(what):
        text = f"{match[1]!r} is missing; add it"
    return Fault(place=tuple(place), text=text)


def _told(fault: Fault, text: str, name: str, data: dict[str, object]) -> str:
    """ "vacancies.toml, line 14, WH-102 must_haves[1].op: …"."""
    line = line_of(text, fault.place)
    where = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in fault.place[2:]).lstrip(".")
    parts = [name, *([f"line {line}"] if line else []), f"{_code(fault.place, data)} {where}".strip()]
    return f"{', '.join(part for part in parts if part)}: {fault.text}"


def _code(place: Place, data: dict[str, object]) -> str:
    vacancies = data.get("vacancies")
    if len(place) > 1 and isinstance(place[1], int) and isinstance(vacancies, list) and place[1] < len(vacancies):
        vacancy = vacancies[place[1]]
        return str(vacancy.get("code", f"vacancy {place[1] + 1}")) if isinstance(vacancy, dict) else ""
    return ""


def line_of(text: str, place: Place) -> int:
    """Line (from 1) of the deepest part of the path that can be found; 0 if none.

    Tables are found by their headers, counted as they come; the rest by its name at the beginning of a line.
    """
    lines = text.splitlines()
    at, last, prefix = 0, len(lines), ""
    found = 0
    for name, index in _steps(place):
        prefix = f"{prefix}.{name}".lstrip(".")
        heads = [n for n in range(at, last) if _is_head(lines[n], prefix)]
        if heads:
            at = heads[min(index, len(heads) - 1)]
            later = (n for n in range(at + 1, last) if _is_head(lines[n], prefix))
            last = next(later, last)
            found = at + 1
            continue
        # A name that is missing must not be found in the next table.
        end = next((n for n in range(at + 1, last) if lines[n].lstrip().startswith("[")), last)
        own = next((n for n in range(at, end) if re.match(rf"\s*\"?{re.escape(name)}\"?\s*[.=]", lines[n])), None)
        if own is None:
            break
        at, found = own, own + 1
    return found


def _is_head(line: str, prefix: str) -> bool:
    return re.match(rf"\s*\[\[?\s*{re.escape(prefix)}\s*\]", line) is not None


def _steps(place: Sequence[str | int]) -> list[tuple[str, int]]:
    """Names with the number of the table under them: ("vacancies", 0), ("must_haves", 1), ("op", 0)."""
    steps: list[tuple[str, int]] = []
    for step in place:
        if isinstance(step, int) and steps:
            steps[-1] = (steps[-1][0], step)
        elif isinstance(step, str):
            steps.append((step, 0))
    return steps
