"""The router of the model tiers: the rules read first, a small model adds what they could not read.

The model can add intents with the words that carry them; it cannot take away what rules noticed, and a yes or no to
the consent question is heard by rules alone.
"""

from collections.abc import Iterator
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from app.agents import turn_view
from app.agents.models.mind import Mind, Thought
from app.agents.models.obvious import own_words, unasked
from app.agents.models.quoting import as_data, moment, numbered
from app.agents.roles import Router
from app.agents.state import Json, Routing, TurnInput
from app.recruiting.evidence import occurs
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import kind
from app.recruiting.said import heard

_MOST_CHARACTERS = 1500  # of one message: what it is about shows early
_SWITCH_WORDS = 3  # fewer words of another language are a name, a town or a loan word

IntentName = Literal[
    "stop", "human", "delete", "about_me", "bot", "danger", "minor", "complaint", "injection", "sensitive",
    "adjustment", "off_topic", "question", "remove", "change", "skip", "thanks", "greeting", "yes", "no", "unsure",
]  # fmt: skip
Changeable = Literal[
    "name", "role", "city", "availability", "languages", "licences", "phone", "email", "right_to_work", "hours",
    "shifts", "contract_preference", "work_mode", "salary_expectation", "notice_period", "travel", "experience",
    "education", "skills", "certificates", "references_available",
]  # fmt: skip


class Words(BaseModel):
    """Where the candidate says it."""

    model_config = ConfigDict(extra="forbid")

    message: int = Field(description="Number of the message")
    quote: str = Field(description="The words of that message that carry it, copied exactly")


class SeenIntent(Words):
    """An intent and the words it stands on."""

    intent: IntentName
    field: Changeable | None = Field(description="Of remove and change: the one detail that it is about")


class SeenUrgency(Words):
    """How soon a person should look, and the words that say so."""

    level: Literal["queue", "same_day", "now"]


class RoutingWord(BaseModel):
    """What the messages are about."""

    model_config = ConfigDict(extra="forbid")

    language: str = Field(description="ISO 639-1 code of the language to answer in")
    intents: list[SeenIntent]
    urgency: SeenUrgency | None


class ModelRouter:
    """`guided` answers what is obvious, and everything when no model does."""

    def __init__(self, mind: Mind[RoutingWord], guided: Router, zone: ZoneInfo) -> None:
        self._mind = mind
        self._guided = guided
        self._zone = zone

    async def route(self, turn: TurnInput) -> Routing:
        """Intents and language of a turn."""
        base = await self._guided.route(turn)
        noticed = msgspec.convert(base["noticed"], list[Noticed])
        if reason := unasked(turn, noticed):
            return _with(base, {"unasked": reason})
        thought = await self._mind.think(turn, self._message(turn, base["language"]))
        if thought.output is None:
            return _with(base, thought.log)
        return _merged(turn, base, noticed, thought, thought.output)

    def _message(self, turn: TurnInput, language: str) -> str:
        intake = turn_view.intake(turn)
        situation = {
            "stage": intake.stage,
            "asked": intake.asked.field if intake.asked else None,
            "language_so_far": turn_view.language(turn) or None,
            "language_by_rules": language,
        }
        data = numbered([heard(message) for message in own_words(turn)], self._zone, most=_MOST_CHARACTERS)
        return self._mind.prompt.turn(now=moment(turn, self._zone), situation=as_data(situation), data=as_data(data))


def _with(base: Routing, log: Json) -> Routing:
    return Routing(
        language=base["language"], noticed=base["noticed"], tier=base["tier"], decision={**base["decision"], **log}
    )


def _merged(
    turn: TurnInput, base: Routing, noticed: list[Noticed], thought: Thought[RoutingWord], word: RoutingWord
) -> Routing:
    consenting = turn_view.intake(turn).stage == "consent"
    seen = {(n.intent, n.message_id, n.field) for n in noticed}
    added, unproven = [], 0
    for one in _claimed(turn, word):
        if one is None:
            unproven += 1
        elif not (consenting and one.intent in {Intent.YES, Intent.NO}) and _is_new(one, seen):
            seen.add((one.intent, one.message_id, one.field))
            added.append(one)
    order = list(Intent)
    everything = sorted([*noticed, *added], key=lambda n: order.index(n.intent))
    return Routing(
        language=_language(turn, base["language"], word.language),
        noticed=msgspec.to_builtins(everything),
        tier=thought.tier,
        decision={
            **base["decision"],
            **thought.log,
            "added": sorted({n.intent.value for n in added}),
            "unproven": unproven,
        },
    )


def _claimed(turn: TurnInput, word: RoutingWord) -> Iterator[Noticed | None]:
    """Everything the model noticed, with its words; None for what does not stand in the message it names."""
    messages = own_words(turn)
    for one in (*word.intents, *((word.urgency,) if word.urgency else ())):
        message = messages[one.message - 1] if 1 <= one.message <= len(messages) else None
        if message is None or not occurs(one.quote, message.text):
            yield None
        elif isinstance(one, SeenUrgency):
            yield Noticed(intent=Intent.URGENT, message_id=message.message_id, quote=one.quote, urgency=one.level)
        else:
            intent = Intent(one.intent)
            field = (one.field or "") if intent in {Intent.REMOVE, Intent.CHANGE} else ""
            yield Noticed(intent=intent, message_id=message.message_id, quote=one.quote, field=field)


def _is_new(one: Noticed, seen: set[tuple[Intent, str, str]]) -> bool:
    """Rules that heard which field is meant know as much as the model: "remove Polish" is not all languages."""
    if one.intent is Intent.REMOVE and not one.field:
        return False  # removes nothing; whoever wants everything gone is heard as `delete`
    same = {kind(field) for intent, message_id, field in seen if (intent, message_id) == (one.intent, one.message_id)}
    return not same or (bool(one.field) and one.field not in same)


def _language(turn: TurnInput, by_rules: str, by_model: str) -> str:
    """The model's word counts for languages we speak, and not on the strength of a name or a town."""
    current = turn_view.language(turn)
    words = sum(len(message.text.split()) for message in own_words(turn))
    if by_model not in LANGUAGES or (current and by_model != current and words < _SWITCH_WORDS):
        return by_rules
    return by_model
