"""The extraction of the model tiers: facts with verbatim quotes, read by a model that has no tools and no history.

Rules read the same messages. What both read, or rules alone, stands as rules read it; of what the model alone read,
only a value that rules can derive from its quote is kept. What falls is counted by reason, and a field that the intake
asks for counts as vaguely answered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from app.agents import turn_view
from app.agents.models.mind import Mind
from app.agents.models.obvious import own_words, unasked
from app.agents.models.quoting import MOST_OF_A_FILE, as_data, beyond, moment, numbered
from app.agents.models.readings import ReadFacts, read_facts
from app.agents.roles import Extraction
from app.agents.state import Extracted, Json, TurnInput
from app.recruiting.evidence_told import provable
from app.recruiting.evidence_values import UNDECIDED, rejection
from app.recruiting.languages import FALLBACK
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import Fact, kind
from app.recruiting.profile import Field as ProfileField
from app.recruiting.said import READABLE, Said

_UNREAD = (
    "A file of {whole} characters: rules read all of it, the model only the first {read}. What stands behind may be "
    "missing in the profile."
)
_CONSENT_YES = "v1:intake:consent:yes"
_CERTAIN = 0.95  # confidence of what follows from the quote
_SHORT_WORDS = 4  # a direct answer of so few words, read by rules, needs no second reader
_READ_SURELY = 0.9
_FREE_TEXT = frozenset({ProfileField.NAME, ProfileField.ROLE, ProfileField.CITY})


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
        region = turn["conversation"].get("country", "")
        now = {said.message_id for said in turn_view.said_now(turn)}
        asked = {said.message_id: turn_view.asked(turn) for said in messages if said.message_id in now}
        kept, fallen = self._supported(read_facts(thought.output, messages), messages, language, region, asked)
        facts = merged(by_rules, kept)
        stated = {kind(fact.field) for fact in facts}
        vague = {*base["vague"], *thought.output.vague, *(kind(fact.field) for fact, why in fallen if why == UNDECIDED)}
        log = {**thought.log, "unsupported": len(fallen)}
        return Extracted(
            facts=msgspec.to_builtins(facts),
            vague=sorted(vague - stated),
            tier=thought.tier,
            decision=log | ({"unread_characters": sum(unread.values())} if (unread := beyond(messages)) else {}),
            rejected=dict(Counter(why for _, why in fallen)),
            remarks=[_UNREAD.format(read=MOST_OF_A_FILE, whole=MOST_OF_A_FILE + count) for count in unread.values()],
        )

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
        surely = any(
            asked and asked.field in {fact.field, kind(fact.field)} and fact.confidence >= _READ_SURELY
            for fact in by_rules
        )
        words = sum(len(message.text.split()) for message in own_words(turn))
        return "short_answer" if surely and words <= _SHORT_WORDS else ""

    def _message(self, turn: TurnInput, messages: Sequence[Said]) -> str:
        asked = turn_view.intake(turn).asked
        return self._mind.prompt.turn(
            now=moment(turn, self._zone),
            asked=as_data(asked.field if asked else None),
            data=as_data(numbered(messages, self._zone, most=MOST_OF_A_FILE)),
        )

    def _supported(
        self, facts: list[Fact], messages: Sequence[Said], language: str, region: str, asked: Mapping[str, str]
    ) -> tuple[list[Fact], list[tuple[Fact, str]]]:
        """Facts that their words prove, without details that they do not; and those that fell, with the reason."""
        by_id = {said.message_id: said for said in messages}
        kept, fallen = [], []
        for whole in facts:
            said = by_id[whole.message_id]
            fact = provable(whole, said, language)
            open_ = asked.get(fact.message_id, "")
            if reason := rejection(fact, said, language, self._zone, region=region, asked=open_):
                fallen.append((fact, reason))
            else:
                kept.append(msgspec.structs.replace(fact, confidence=_CERTAIN))
        return kept, fallen


def _with(base: Extracted, log: Json) -> Extracted:
    return Extracted(facts=base["facts"], vague=base["vague"], tier=base["tier"], decision={**base["decision"], **log})


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
