"""The extraction of the model tiers: facts with verbatim quotes, read by a model that has no tools and no history.

Rules read the same messages. What both read, or rules alone, stands as rules read it; of what the model alone read,
a value that contradicts its quote is dropped, and one that rules cannot derive from it is kept with less confidence.
"""

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from app.agents import turn_view
from app.agents.models.mind import Mind
from app.agents.models.obvious import own_words, unasked
from app.agents.models.quoting import as_data, moment, numbered
from app.agents.roles import Extraction
from app.agents.state import Extracted, Json, TurnInput
from app.recruiting.evidence import occurs
from app.recruiting.evidence_values import Support, follows
from app.recruiting.languages import FALLBACK
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import LEVELS, Fact, is_valid, kind
from app.recruiting.profile import Field as ProfileField
from app.recruiting.said import READABLE, Found, Said, as_fact
from app.telemetry.metrics import FACTS_REJECTED

_CONSENT_YES = "v1:intake:consent:yes"
_CERTAIN, _LIKELY = 0.95, 0.7  # confidence of what follows from the quote, and of what may
_SHORT_WORDS = 4  # a direct answer of so few words, read by rules, needs no second reader
_READ_SURELY = 0.9
_FREE_TEXT = frozenset({ProfileField.NAME, ProfileField.ROLE, ProfileField.CITY})

LicenceType = Literal[
    "B", "BE", "C", "CE", "D", "forklift", "VCA", "A", "AM", "C1", "C1E", "D1", "DE", "T", "ADR", "code95", "none"
]


class Words(BaseModel):
    """Where a fact stands."""

    model_config = ConfigDict(extra="forbid")

    message: int = Field(description="Number of the message")
    quote: str = Field(description="Words of that message from which the value follows, copied exactly")


class ReadName(Words):
    """The candidate's own name."""

    display: str = Field(description="The name as the person writes it")


class ReadRole(Words):
    """The work the candidate looks for."""

    title: str = Field(description="The work in the person's own words")
    open: bool = Field(description="Any work will do")


class ReadCity(Words):
    """The town the candidate lives in."""

    city: str = Field(description="The town as the person writes it")


class ReadAvailability(Words):
    """The first day the candidate can work."""

    day: str = Field(description="YYYY-MM-DD, counted from the day on which the message was sent")
    immediate: bool = Field(description="The person says at once, now, immediately")
    precision: Literal["day", "week", "month"]


class ReadLanguage(Words):
    """A language the candidate speaks."""

    code: str = Field(description="ISO 639-1 code")
    level: Literal["A1", "A2", "B1", "B2", "C1", "C2", "native"] | None = Field(
        description="Only when the person names a CEFR level or says it is their native language"
    )


class ReadLicence(Words):
    """A driving licence or certificate the candidate holds; `none` when they say they hold none."""

    type: LicenceType


class ReadFacts(BaseModel):
    """Everything the candidate says about themselves."""

    model_config = ConfigDict(extra="forbid")

    name: ReadName | None
    role: ReadRole | None
    city: ReadCity | None
    availability: ReadAvailability | None
    languages: list[ReadLanguage]
    licences: list[ReadLicence]
    vague: list[Literal["name", "role", "city", "availability", "languages", "licences"]] = Field(
        description="Fields that were answered, but too vaguely to write down a value"
    )


class ModelExtraction:
    """Before consent, and where rules read everything, the guided extraction answers alone."""

    def __init__(self, mind: Mind[ReadFacts], guided: Extraction, zone: ZoneInfo) -> None:
        self._mind = mind
        self._guided = guided
        self._zone = zone

    async def extract(self, turn: TurnInput) -> Extracted:
        """Facts of the turn; after the consent tap also those of the words that waited for it."""
        base = await self._guided.extract(turn)
        by_rules = msgspec.convert(base["facts"], list[Fact])
        consenting = any(message.choice_id == _CONSENT_YES for message in turn_view.inbound(turn))
        messages = self._messages(turn, consenting=consenting)
        if reason := self._unasked(turn, by_rules, messages, consenting=consenting):
            return _with(base, {"unasked": reason})
        thought = await self._mind.think(turn, self._message(turn, messages))
        if thought.output is None:
            return _with(base, thought.log)
        language = turn_view.language(turn)
        language = language if language in LANGUAGES else FALLBACK
        kept, unsupported = self._supported(read_facts(thought.output, messages), messages, language)
        facts = merged(by_rules, kept)
        stated = {kind(fact.field) for fact in facts}
        vague = sorted({*base["vague"], *thought.output.vague} - stated)
        log = {**thought.log, "unsupported": unsupported}
        return Extracted(facts=msgspec.to_builtins(facts), vague=vague, tier=thought.tier, decision=log)

    @staticmethod
    def _messages(turn: TurnInput, *, consenting: bool) -> list[Said]:
        before = turn_view.said_before(turn) if consenting else []
        return [said for said in [*before, *turn_view.said_now(turn)] if said.kind in READABLE]

    @staticmethod
    def _unasked(turn: TurnInput, by_rules: list[Fact], messages: list[Said], *, consenting: bool) -> str:
        if not turn_view.consented(turn) and not consenting:
            return "before_consent"
        if not messages:
            return "no_words"
        if not consenting and (reason := unasked(turn)):
            return reason
        asked = turn_view.intake(turn).asked
        surely = any(asked and kind(fact.field) == asked.field and fact.confidence >= _READ_SURELY for fact in by_rules)
        words = sum(len(message.text.split()) for message in own_words(turn))
        return "short_answer" if surely and words <= _SHORT_WORDS else ""

    def _message(self, turn: TurnInput, messages: Sequence[Said]) -> str:
        asked = turn_view.intake(turn).asked
        return self._mind.prompt.turn(
            now=moment(turn, self._zone),
            asked=as_data(asked.field if asked else None),
            data=as_data(numbered(messages, self._zone)),
        )

    def _supported(self, facts: list[Fact], messages: Sequence[Said], language: str) -> tuple[list[Fact], int]:
        """Facts whose quote stands in its message and does not contradict the value; and how many fell."""
        by_id = {said.message_id: said for said in messages}
        kept = []
        for fact in facts:
            said = by_id[fact.message_id]
            if not occurs(fact.quote, said.text) or not is_valid(fact):
                FACTS_REJECTED("no_evidence" if is_valid(fact) else "malformed").inc()
                continue
            support = follows(fact, said, language, self._zone)
            if support is Support.CONTRADICTS:
                FACTS_REJECTED("value_unsupported").inc()
                continue
            confidence = _CERTAIN if support is Support.FOLLOWS else _LIKELY
            kept.append(msgspec.structs.replace(fact, confidence=confidence))
        return kept, len(facts) - len(kept)


def _with(base: Extracted, log: Json) -> Extracted:
    return Extracted(facts=base["facts"], vague=base["vague"], tier=base["tier"], decision={**base["decision"], **log})


def read_facts(read: ReadFacts, messages: Sequence[Said]) -> list[Fact]:
    """The model's word as facts; what names a message that does not exist is left out."""
    found: list[tuple[int, Found]] = []
    if one := read.name:
        found.append((one.message, _found(ProfileField.NAME, one, {"display": one.display})))
    if role := read.role:
        value: Json = {"title": role.title} | ({"open": True} if role.open else {})
        found.append((role.message, _found(ProfileField.ROLE, role, value)))
    if city := read.city:
        found.append((city.message, _found(ProfileField.CITY, city, {"city": city.city})))
    if available := read.availability:
        value = {"from": available.day} | ({"immediate": True} if available.immediate else {})
        value |= {"precision": available.precision} if available.precision != "day" else {}
        found.append((available.message, _found(ProfileField.AVAILABILITY, available, value)))
    for tongue in read.languages:
        code = tongue.code.lower()
        found.append((tongue.message, _found(f"{ProfileField.LANGUAGES}.{code}", tongue, {"language": code})))
        if tongue.level:
            found.append((tongue.message, _found(f"{LEVELS}.{code}", tongue, {"level": tongue.level})))
    for licence in read.licences:
        field = f"{ProfileField.LICENCES}.{licence.type}"
        found.append((licence.message, _found(field, licence, {"type": licence.type})))
    return [as_fact(one, messages[n - 1]) for n, one in found if 1 <= n <= len(messages)]


def _found(field: str, words: Words, value: Json) -> Found:
    return Found(field=field, value=value, quote=words.quote)


def merged(by_rules: Sequence[Fact], by_model: Sequence[Fact]) -> list[Fact]:
    """One fact per field. Typed values as rules read them; names, work and towns as the model did, who reads prose."""
    facts = {fact.field: fact for fact in by_rules}
    for fact in by_model:
        if fact.field not in facts or (kind(fact.field) in _FREE_TEXT and fact.confidence >= _CERTAIN):
            facts[fact.field] = fact
    none = f"{ProfileField.LICENCES}.none"
    if none in facts and any(kind(field) == ProfileField.LICENCES and field != none for field in facts):
        del facts[none]
    return list(facts.values())
