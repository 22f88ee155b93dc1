"""Dialogues as data: who the candidate is, what they answer to which question, and what must come of it."""

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_file import check_file

FOLDER = Path(__file__).with_name("scripts")
VACANCIES = Path(__file__).parents[1] / "examples" / "vacancies.toml"
MONDAY = 1_795_428_000.0  # 2026-11-23 10:00 in Amsterdam: relative days in the expectations are counted from here
QUALIFIED = 12  # messages of ours until the profile is confirmed (product §1a)
ANY = "any"
# A WhatsApp number tells its country; it decides the language of a greeting such as "Hallo".
_COUNTRIES = {"en": "GB", "nl": "NL", "de": "DE", "pl": "PL", "es": "ES", "ro": "RO", "uk": "UA", "ar": "SY"}


class DialogueError(ValueError):
    """A dialogue file says something that cannot be played."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message. `kind` as WhatsApp names it: text, voice (its transcript), document (its text), location …

    `tap` is the ending of the id of an offered choice; `later` are hours that pass before. An `edit` or a `revoke`
    is about the candidate's message that begins with `of`.
    """

    text: str = ""
    kind: str = "text"
    tap: str = ""
    later: float = 0.0
    of: str = ""


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the record must hold at the end. Fields that are left out must stay unknown.

    `name`, `role` and `city` list accepted spellings; `languages` maps ISO 639-1 to a level, "" for an unknown one;
    `licences = []` means that the candidate said they have none, "no CE" a no to just that one. `facts` are all other
    fields of the profile: a value (`email = "a@b.nl"`), parts of a value (`salary_expectation = { min = 15 }`), or a
    list of items or parts of the path (`shifts = ["night"]`). `messages` are the most of ours; `with_models` where
    models must need fewer.
    `replies`: what must stand in our answer to these words of the candidate.
    """

    name: list[str] | None = None
    role: list[str] | None = None
    city: list[str] | None = None
    availability: str | None = None
    languages: dict[str, str] | None = None
    licences: list[str] | None = None
    facts: dict[str, Any] = {}
    owner: str = "assistant"
    stage: str = "done"
    language: str = ""
    messages: int = QUALIFIED
    with_models: int = 0
    replies: dict[str, list[str]] = {}
    suspicion: str = ""  # kind of sign that the guard must see in what the candidate sends


class Forbidden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`values` may stand in no stored fact, `fields` may not be stored, `said` may not be said to the candidate."""

    values: list[str] = []
    fields: list[str] = []
    said: list[str] = []


Utterance = str | list[str | Message] | Message


class Dialogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`opening` are the first turns; `answers` are said in order when their question is open; `after` at the end.

    What only a reader of prose understands is written beside it, for the scripted model: `reads` gives the verbatim
    words on which a fact stands by the fact's path, `hears` those of an intent (or of `off_topic`).
    """

    id: str
    persona: str
    opening: list[Utterance]
    expect: Expectation
    answers: dict[str, list[Utterance]] = {}
    after: list[Utterance] = []
    forbid: Forbidden = Forbidden()
    reads: dict[str, str | list[str]] = {}
    hears: dict[str, str] = {}
    country: str = ""
    language: str = ""
    vacancy: str = ""  # code in `VACANCIES` that the candidate comes for


@functools.cache
def _vacancies() -> dict[str, Vacancy]:
    return {vacancy.code: vacancy for vacancy in check_file(VACANCIES).vacancies}


def vacancy_of(dialogue: Dialogue) -> Vacancy | None:
    """What the candidate comes for. Raises DialogueError for a code that the examples do not have."""
    if not dialogue.vacancy:
        return None
    found = _vacancies().get(dialogue.vacancy)
    if found is None:
        raise DialogueError(f"{dialogue.id}: {VACANCIES.name} has no vacancy {dialogue.vacancy}")
    return found


def utterances(dialogue: Dialogue) -> list[Utterance]:
    """Everything that the candidate may say."""
    return [*dialogue.opening, *(said for answers in dialogue.answers.values() for said in answers), *dialogue.after]


def messages_of(utterance: Utterance) -> list[Message]:
    """The messages of one turn. `#open:start` in a string is a tap, everything else is text."""
    parts = utterance if isinstance(utterance, list) else [utterance]
    return [part if isinstance(part, Message) else _message(part) for part in parts]


def _message(text: str) -> Message:
    return Message(tap=text[1:]) if text.startswith("#") else Message(text=text)


def load(folder: Path = FOLDER) -> list[Dialogue]:
    """Every dialogue: files of one language are named after it, in `topics/` each entry says its own.

    Raises DialogueError.
    """
    dialogues = [dialogue for path in sorted(folder.glob("*.toml")) for dialogue in _file(path, path.stem)]
    dialogues += [dialogue for path in sorted(folder.glob("topics/*.toml")) for dialogue in _file(path)]
    ids = [dialogue.id for dialogue in dialogues]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise DialogueError(f"dialogue ids occur twice: {', '.join(sorted(twice))}; give each its own")
    return dialogues


def _file(path: Path, language: str = "") -> Iterator[Dialogue]:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    for entry in data["dialogue"]:
        try:
            dialogue = msgspec.convert(entry, Dialogue)
        except msgspec.ValidationError as error:
            raise DialogueError(f"{path.name}, {entry.get('id', 'a dialogue without id')}: {error}") from error
        begun_in = language or dialogue.language
        if begun_in not in _COUNTRIES:
            raise DialogueError(f"{path.name}, {dialogue.id}: language must be one of {', '.join(_COUNTRIES)}")
        yield msgspec.structs.replace(
            dialogue,
            id=f"{begun_in}-{dialogue.id}",
            language=dialogue.expect.language or begun_in,
            country=dialogue.country or _COUNTRIES[begun_in],
        )
