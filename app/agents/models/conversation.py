"""The conversation of the model tiers: words the step that policy decided, nothing else.

Buttons and lists stay the policy's; sentences of law and promise stay the phrase files'. New words that break a rule,
piece by piece or as the message that they make, are asked for once more, naming the rule; then the phrase files speak.
"""

from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from app.agents.models.mind import Mind, Thought
from app.agents.models.obvious import own_words
from app.agents.models.quoting import as_data, last_words, moment, numbered
from app.agents.models.receipts import summed
from app.agents.models.wording import ANSWERABLE, MOST_CHARACTERS, Allowed, Piece, broken_rules, pieces_of
from app.agents.outbound import Outbound
from app.agents.roles import Conversation
from app.agents.state import Json, Phrased, TurnInput
from app.recruiting.guard import Violation, advice
from app.recruiting.intake import Decision
from app.recruiting.languages import Detector, build_detector
from app.recruiting.messages import Reply
from app.recruiting.phrases import TEXT, Phrasebook, compose, phrases
from app.recruiting.said import heard
from app.telemetry.metrics import GUARD_BLOCKS, LLM_FALLBACKS

_RECENT_LINES = 6
_SHORT_WORDS = 3  # an answer of so few words leaves nothing to take up
_TRIES = 2  # the second one is told which rules the first one broke


class PhrasedPiece(BaseModel):
    """New words for one piece."""

    model_config = ConfigDict(extra="forbid")

    n: int = Field(description="Number of the piece")
    text: str
    facts: list[int] = Field(description="Numbers of the approved facts that the text states; empty if none")


class Phrasing(BaseModel):
    """New words for every piece that was given."""

    model_config = ConfigDict(extra="forbid")

    pieces: list[PhrasedPiece]


class ModelConversation:
    """`outbound` sees each new wording, and each message made of them, before it may be said."""

    def __init__(
        self,
        mind: Mind[Phrasing],
        guided: Conversation,
        phrasebook: Phrasebook,
        *,
        outbound: Outbound,
        detector: Detector | None = None,
    ) -> None:
        self._mind = mind
        self._guided = guided
        self._phrasebook = phrasebook
        self._zone = ZoneInfo(phrasebook.company.timezone)
        self._outbound = outbound
        self._detector = detector or build_detector()

    async def phrase(self, turn: TurnInput, language: str, decision: Decision) -> Phrased:
        """The replies; the phrase files' own when there is nothing to word, or no model words it well."""
        pieces = pieces_of(decision, self._phrasebook, language)
        free = [piece for piece in pieces if piece.free]
        base = await self._guided.phrase(turn, language, decision)
        if reason := _unasked(turn, free):
            return _with(base, {"unasked": reason})
        thought, replies, broken = await self._worded(turn, language, decision, pieces)
        if replies is None:
            return _with(base, thought.log | ({"broken": broken} if broken else {}))
        return Phrased(
            replies=[msgspec.to_builtins(reply) for reply in replies],
            tier=thought.tier,
            decision=thought.log | ({"broken": broken} if broken else {}),
        )

    async def _worded(
        self, turn: TurnInput, language: str, decision: Decision, pieces: list[Piece]
    ) -> tuple[Thought[Phrasing], list[Reply] | None, list[str]]:
        """The last thought with the log of all tries, the new messages, and rules broken on the way."""
        allowed = Allowed(
            language=language,
            heard=" ".join(message.text for message in own_words(turn)),
            approved=self._outbound.approved(turn, language),
            detector=self._detector,
        )
        free = [piece for piece in pieces if piece.free]
        broken: list[str] = []
        faults: list[str] = []
        log: Json = {}
        for _ in range(_TRIES):
            thought = await self._mind.think(turn, self._message(turn, free, allowed, faults))
            log = summed(log, thought.log)
            thought = Thought(thought.output, thought.tier, thought.reason, log)
            if thought.output is None:
                return thought, None, broken
            words, names, violations = self._judged(turn, decision, free, thought.output, allowed)
            replies = self._replies(language, decision, [words.get(piece.number, piece.text) for piece in pieces])
            violations += [one for reply in replies for one in self._outbound.faults(reply, turn, language, decision)]
            found = {*names, *(one.rule.value for one in violations)}
            if not found:
                return thought, replies, broken
            broken = sorted({*broken, *found})
            faults = [*broken, *advice(violations)]
            for rule in found:
                GUARD_BLOCKS(rule).inc()
        LLM_FALLBACKS(thought.tier, "guard").inc()
        return thought, None, broken

    def _judged(
        self, turn: TurnInput, decision: Decision, free: list[Piece], phrasing: Phrasing, allowed: Allowed
    ) -> tuple[dict[int, str], list[str], list[Violation]]:
        """The new texts by piece, the rules of wording that they break, and the guard's."""
        given = {piece.n: piece for piece in phrasing.pieces}
        words: dict[int, str] = {}
        broken: list[str] = []
        violations: list[Violation] = []
        for piece in free:
            new = given.get(piece.number)
            if new is None:
                broken.append("missing")
                continue
            stated = [n for n in new.facts if 1 <= n <= len(allowed.approved)]
            # A question that no approved fact answers is answered by a person: in the words that say so.
            text = new.text.strip() if piece.key != ANSWERABLE or stated else piece.text
            if text != piece.text:
                broken += broken_rules(piece, text, allowed)
                violations += self._outbound.faults(
                    Reply(text=text), turn, allowed.language, decision, limit=MOST_CHARACTERS
                )
            words[piece.number] = text
        return words, broken, violations

    def _message(self, turn: TurnInput, free: list[Piece], allowed: Allowed, faults: list[str]) -> str:
        zone = self._zone
        step = [{"n": piece.number, "says": piece.text, "asks": piece.asks, "keep": piece.keep} for piece in free]
        answerable = any(piece.key == ANSWERABLE for piece in free)
        facts = [{"n": n, "fact": fact} for n, fact in enumerate(allowed.approved, start=1)] if answerable else []
        return self._mind.prompt.turn(
            now=moment(turn, zone),
            language=allowed.language,
            step=as_data(step),
            facts=as_data(facts),
            recruiter=as_data(turn["notes"]),
            recent=as_data(last_words(turn, _RECENT_LINES)),
            data=as_data(numbered([heard(message) for message in own_words(turn)], zone)),
            broken=as_data(faults),
        )

    def _replies(self, language: str, decision: Decision, texts: list[str]) -> list[Reply]:
        """As Phrasebook.replies puts them together."""
        if decision.question is None:
            return [Reply(text="\n\n".join(texts)[:TEXT])]
        choices = self._phrasebook.choices(language, decision.question.choices)
        return compose(texts, choices, phrases(language).titles["choose"])


def _unasked(turn: TurnInput, free: list[Piece]) -> str:
    """Why the phrase files' words are good enough: nobody waits seconds for another way to ask the next question."""
    if not free:
        return "nothing_free"
    words = sum(len(message.text.split()) for message in own_words(turn))
    if not words:
        return "no_words"
    onwards = all(piece.key.startswith("ask_") or piece.key == "thank_name" for piece in free)
    return "short_answer" if onwards and words <= _SHORT_WORDS else ""


def _with(base: Phrased, log: Json) -> Phrased:
    return Phrased(replies=base["replies"], tier=base["tier"], decision={**log, **base["decision"]})
