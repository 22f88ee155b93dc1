"""What the assistant says: one data file per language, the same keys in each, within WhatsApp's limits."""

import functools
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.recruiting import language_names, office_hours
from app.recruiting.answers.closed import NO, UNSURE, YES
from app.recruiting.intake import Decision, Line
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Choice, Reply
from app.recruiting.profile import CEFR, LICENCES, Fact, Field, kind, part
from app.recruiting.readback import ABOVE_BUTTONS, ALONE, items
from app.recruiting.volunteered import WORK_MODES

FOLDER = Path(__file__).with_name("phrases")
# WhatsApp Cloud API, interactive messages, in characters.
BODY, BUTTON, ROW, DESCRIPTION, BUTTONS, ROWS = 1024, 20, 24, 72, 3, 10
TEXT = 4096
_CHECKED = frozenset({"review", "review_unclear"})  # read-backs in which doubtful values are marked
_WHOLE = frozenset({"known"})  # "what do you know about me" leaves nothing out that fits a message

_BUTTON_SETS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "open": (("open:start", "start"), ("open:questions", "questions"), ("open:human", "human")),
    "open_again": (("open:start", "start"), ("open:human", "human")),
    "consent": (("consent:yes", "yes"), ("consent:no", "no")),
    "availability": (
        ("availability:now", "now"),
        ("availability:month", "month"),
        ("availability:other", "other_date"),
    ),
    "review": (("review:correct", "correct"), ("review:change", "change"), ("review:human", "human")),
}
CHOICE_SETS: Mapping[str, str] = {
    Field.AVAILABILITY: "availability",
    Field.LICENCES: "licences",
    "work_mode": "work_mode",
}


@dataclass(frozen=True)
class Company:
    """Facts of the deployment that sentences name. `alternative` is a web address or phone number for applying.

    `country` (two letters) has the public holidays; `business_hours` in OpenStreetMap's form; `answer_hours` of them
    pass at most until a person answers.
    """

    name: str
    privacy_url: str
    alternative: str
    timezone: str = "Europe/Amsterdam"
    country: str = ""
    business_hours: str = "Mo-Fr 09:00-17:00; PH off"
    answer_hours: float = 8


@dataclass(frozen=True)
class Phrases:
    """One language's sentences, titles, list rows and labels."""

    code: str
    texts: Mapping[str, str]
    titles: Mapping[str, str]
    rows: Mapping[str, tuple[str, str]]
    labels: Mapping[str, str]
    desk: Mapping[str, str]  # offered to recruiters, never said by the assistant


def _load(code: str) -> Phrases:
    data: dict[str, Any] = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    rows = {key: (title, description) for key, (title, description) in data["rows"].items()}
    return Phrases(
        code=code, texts=data["texts"], titles=data["titles"], rows=rows, labels=data["labels"], desk=data["desk"]
    )


@functools.cache
def phrases(code: str) -> Phrases:
    """Phrases of one of `LANGUAGES`."""
    return _load(code)


@functools.cache
def version() -> str:
    """Identifies the wording of all languages: 12 hex digits."""
    digest = hashlib.blake2b(digest_size=6)
    for code in LANGUAGES:
        digest.update((FOLDER / f"{code}.toml").read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Phrasebook:
    """All languages with the deployment's facts filled in."""

    company: Company
    facts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        known = {
            "company": self.company.name,
            "privacy_url": self.company.privacy_url,
            "alternative": self.company.alternative,
        }
        object.__setattr__(self, "facts", known)

    def text(self, code: str, key: str, **params: str) -> str:
        """One sentence. KeyError for a key or placeholder that does not exist: the phrase test finds those first.

        A sentence that names a fact the deployment has not got is left out, rather than ended by nothing.
        """
        template = phrases(code).texts[key]
        for name, value in self.facts.items():
            if not value:
                template = re.sub(rf"\s*[^.!?؟\n]*\{{{name}\}}[.!?؟]?", "", template)
        return template.format_map({**self.facts, "expected": "", **params})

    def line(self, language: str, line: Line, profile: Iterable[Fact]) -> str:
        """A decided sentence with its read-back items."""
        params = dict(line.params)
        if code := params.pop("language_code", ""):
            params["language"] = language_names.display(code, language)
        if question := params.pop("question", ""):
            params["item"] = self.item(language, question)
        if asked_at := params.pop("asked_at", ""):
            params["expected"] = self._expected(language, float(asked_at))
        if line.fields:
            facts, labels = list(profile), phrases(language).labels
            params["labels"] = ", ".join(labels[field] for field in line.fields)
            params["items"] = "\n".join(self.read_back(language, line, facts))
            params["name"] = next((value for _, value in items(facts, line.fields[:1], language, labels)), "")
        return self.text(language, line.key, **params)

    def item(self, language: str, question: str) -> str:
        """What a yes-or-no question is about, in words; an employer's own stay as they are."""
        words, name, what = phrases(language), kind(question), part(question)
        if name == Field.LICENCES and what in words.rows:
            title, description = words.rows[what]
            return f"{title} ({description})" if title == what else description
        if name == "right_to_work":
            return language_names.country(what, language)
        return words.labels.get(what, what)

    def read_back(self, language: str, line: Line, profile: Iterable[Fact]) -> list[str]:
        """The lines that hold the candidate's own words, as the sentence reads them back."""
        room = ALONE if line.key in _WHOLE else ABOVE_BUTTONS
        labels = phrases(language).labels
        shown = items(profile, line.fields, language, labels, room=room, marked=line.key in _CHECKED)
        return [f"{label}: {value}" for label, value in shown]

    def _expected(self, language: str, now: float) -> str:
        """By when a person answers, in brackets; nothing where the desk does not open for weeks."""
        office = self.company
        moment = office_hours.answer_by(
            office.business_hours, office.timezone, now, office.answer_hours, office.country
        )
        if moment is None:
            return ""
        return f" ({self.text(language, 'expected', when=office_hours.spoken(moment, language))})"

    def consent_text(self, language: str) -> str:
        """The exact consent question a person sees."""
        return self.text(language, "consent")

    def sayable(self) -> list[str]:
        """Every sentence of ours in every language, placeholders of a turn left open."""
        return [
            re.sub(r"\{(\w+)\}", lambda found: self.facts.get(found[1], " "), text)
            for code in LANGUAGES
            for text in phrases(code).texts.values()
        ]

    def replies(self, language: str, decision: Decision) -> list[Reply]:
        """The turn's messages: one bubble with everything, because one question deserves one answer."""
        parts = [self.line(language, line, decision.profile) for line in decision.lines]
        if decision.question is None:
            return [Reply(text="\n\n".join(parts)[:TEXT])] if parts else []
        parts.append(self.line(language, decision.question.line, decision.profile))
        return compose(parts, self.choices(language, decision.question.choices), phrases(language).titles["choose"])

    def choices(self, language: str, name: str) -> list[Choice]:
        """Buttons or rows of a named set; none for the empty name."""
        words = phrases(language)
        if name in _BUTTON_SETS:
            return [Choice(id=f"v1:intake:{id_}", title=words.titles[title]) for id_, title in _BUTTON_SETS[name]]
        if name.startswith("level."):
            return _rows(words, f"level.{part(name)}", CEFR, (("unsure", "not_sure"),))
        if name == "work_mode":
            return [Choice(id=f"v1:intake:{name}:{mode}", title=words.labels[mode]) for mode in WORK_MODES]
        if name == "licences":
            return _rows(words, name, LICENCES, (("none", "none"), ("other", "other")))
        return self._choices_about(language, *name.partition(":")[::2])

    def _choices_about(self, language: str, name: str, about: str) -> list[Choice]:
        """Which field to change, a changed field's own choices, or the open question's beside the list of all."""
        words = phrases(language)
        match name:
            case "change":
                fields = [*Field, *(one for one in about.split(",") if one in words.labels)][:ROWS]
                return [Choice(id=f"v1:intake:change:{one}", title=words.labels[one]) for one in fields]
            case "remove":
                own = self.choices(language, CHOICE_SETS.get(about, ""))
                return [*own, Choice(id=f"v1:intake:remove:{about}", title=words.titles["remove"])]
            case "yes_no":
                titles = ((YES, "yes_plain"), (NO, "no"), (UNSURE, "not_sure"))
                return [Choice(id=f"v1:intake:{about}:{one}", title=words.titles[title]) for one, title in titles]
            case "check" if about:
                own = self.choices(language, about)
                return [*own, Choice(id="v1:intake:review:change", title=words.titles["change"])]
            case "check":
                return self.choices(language, "review")
        return []


def _rows(words: Phrases, field_: str, values: Iterable[str], last: Iterable[tuple[str, str]]) -> list[Choice]:
    rows = [
        Choice(id=f"v1:intake:{field_}:{value}", title=words.rows[value][0], description=words.rows[value][1])
        for value in values
    ]
    return [*rows, *(Choice(id=f"v1:intake:{field_}:{value}", title=words.titles[title]) for value, title in last)]


def compose(parts: list[str], choices: list[Choice], list_button: str) -> list[Reply]:
    """Join paragraphs with their choices; what does not fit above buttons (1,024 characters) goes in front."""
    text = "\n\n".join(parts)
    if not choices:
        return [Reply(text=text[:TEXT])]
    before: list[Reply] = []
    if len(text) > BODY and len(parts) > 1:
        before, text = [Reply(text="\n\n".join(parts[:-1])[:TEXT])], parts[-1]
    if len(choices) > BUTTONS:
        return [*before, Reply(text=text[:BODY], list_button=list_button, rows=choices)]
    return [*before, Reply(text=text[:BODY], buttons=choices)]
