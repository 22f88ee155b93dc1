"""A turn's decision in the making: what is said, asked, kept and taken back."""

import uuid

import msgspec

from app.recruiting.consent import Consent, Purpose, text_version
from app.recruiting.consent import granted as is_granted
from app.recruiting.intake import Asked, Decision, Handoff, Line, Question, Situation, applied_for
from app.recruiting.interrupts import Intent
from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, merge, part
from app.recruiting.text import read
from app.recruiting.vacancy import Vacancy

REMEMBERED = 40  # withdrawn messages and edits; the transcript that a turn reads is half as long
LIST_FIELDS = frozenset({Field.LANGUAGES, Field.LICENCES})


class Draft:
    """A decision in the making."""

    def __init__(self, situation: Situation) -> None:
        self.at = situation
        self.intake = msgspec.structs.replace(
            situation.intake,
            skipped=list(situation.intake.skipped),
            told=list(situation.intake.told),
            must_haves=list(situation.intake.must_haves),
            withdrawn=[*situation.intake.withdrawn, *situation.revoked][-REMEMBERED:],
            checking=False,
            edits=dict([*situation.intake.edits.items(), *situation.edits.items()][-REMEMBERED:]),
            last_at=situation.now,
        )
        self.lost: dict[str, Fact] = {}  # facts whose message was withdrawn in this turn, by field
        self.removed: list[str] = []  # fields that the candidate had removed in this turn
        self.checking = False  # what is known is listed, with choices to confirm or change it
        self.decision = Decision(
            intake=self.intake,
            profile=list(situation.facts),
            lines=[],
            facts=[],
            retract=[],
            consents=[],
            remarks=[],
        )

    def say(self, key: str, *, fields: list[str] | None = None, **params: str) -> None:
        """Add a sentence; the same one only once."""
        if all(line.key != key for line in self.decision.lines):
            self.decision.lines.append(Line(key=key, params=params, fields=fields or []))

    def ask(
        self,
        key: str,
        field: str,
        *,
        choices: str = "",
        attempts: int = 0,
        probed: bool = False,
        fields: list[str] | None = None,
        params: dict[str, str] | None = None,
    ) -> None:
        """Put the one question of this turn."""
        line = Line(key=key, params=params or {}, fields=fields or [])
        self.decision.question = Question(line=line, choices=choices)
        self.intake.asked = Asked(field=field, attempts=attempts, probed=probed)

    def hand_over(self, reason: str, urgency: str, text: str, *, words: str = "") -> Decision:
        """A person takes over; the assistant says so, in the `words` of another reason if given, and falls silent."""
        self.decision.lines = [Line(key=f"handoff_{words or reason}", params={"asked_at": f"{self.at.now:.0f}"})]
        self.decision.question = None
        self.decision.handoff = Handoff(reason=reason, urgency=urgency, text=text)
        self.intake.handed_over = reason
        return self.decision

    def keep(self, found: list[Fact]) -> list[Fact]:
        """Facts that say something new, with ids; also what they replace of a list field.

        What an edited message says again is kept on its new words, but is nothing new.
        """
        found = [fact for fact in found if not self.is_removed(fact)]
        current = {fact.field: fact for fact in self.decision.profile}
        new = [fact for fact in found if fact.field not in current or current[fact.field].value != fact.value]
        new = [msgspec.structs.replace(fact, id=fact_id(self.at.turn_id, fact.field)) for fact in new]
        for kind_ in {kind(fact.field) for fact in found} & LIST_FIELDS:
            self._replace(kind_, {fact.field for fact in found})
        stored = {fact.field: fact.id for fact in self.at.facts if fact.id}
        replaced = [stored[fact.field] for fact in new if fact.field in stored]
        self.decision.retract += [id_ for id_ in replaced if id_ not in self.decision.retract]
        self.decision.facts += new
        self.decision.profile = merge(self.decision.profile, new)
        return [fact for fact in new if fact.field not in self.lost or self.lost[fact.field].value != fact.value]

    def record_consent(self, *, granted: bool, message_id: str) -> None:
        """A word on the intake's purpose, tied to the text of the turn's language and the message that gave it."""
        choice = next((said.choice_id for said in self.at.said if said.message_id == message_id), "")
        self.decision.consents.append(
            Consent(
                purpose=Purpose.INTAKE.value,
                granted=granted,
                text_version=text_version(self.at.consent_text),
                language=self.at.language,
                message_id=message_id,
                method=f"button:{choice}" if choice else "text",
            )
        )

    def opt_out(self) -> None:
        """STOP: no more messages, and the consent whose text names this word is withdrawn."""
        self.decision.opted_out = True
        stop = self.at.noticed_in(Intent.STOP)
        if stop is not None and is_granted(self.at.consents, Purpose.INTAKE):
            self.record_consent(granted=False, message_id=stop.message_id)

    def pitch(self) -> bool:
        """The vacancy in three lines, once; whether it is said now."""
        if self.at.pitch is None or not self.unheard:
            return False
        self.intake.told.append(f"pitch:{self.intake.vacancy}")
        self.decision.lines.append(self.at.pitch)
        return True

    @property
    def unheard(self) -> bool:
        """The candidate has come for a vacancy of which they were not told yet."""
        return self.at.pitch is not None and f"pitch:{self.intake.vacancy}" not in self.intake.told

    @property
    def vacancy(self) -> Vacancy | None:
        """The open vacancy that the candidate has heard of and not declined: it answers which work they want."""
        told = f"pitch:{self.intake.vacancy}" in self.intake.told
        return applied_for(self.at.vacancy, self.intake) if told else None

    def confirm(self) -> None:
        """The candidate agreed to the read-back: every fact stands again, confirmed, in the place of the old row."""
        confirmed = [
            msgspec.structs.replace(fact, confirmed=True, id=fact_id(self.at.turn_id, fact.field))
            for fact in self.decision.profile
        ]
        self.decision.retract += [fact.id for fact in self.at.facts if fact.id]
        self.decision.facts = confirmed
        self.decision.profile = confirmed

    def take_back(self) -> None:
        """Facts whose message was deleted or edited lose their ground; a file stands when its caption is edited."""
        again = {fact.field for fact in self.at.found}
        for fact in list(self.decision.profile):
            edited = fact.message_id not in self.at.deleted
            if fact.message_id in self.at.revoked and not (edited and fact.source == "cv"):
                self.lost[fact.field] = fact
                self.drop(fact, with_level=fact.field not in again)

    def is_removed(self, fact: Fact) -> bool:
        """The candidate has just asked not to keep this; another value in the same breath takes its place."""
        if fact.field not in self.removed and kind(fact.field) not in self.removed:
            return False
        old = [one for one in self.at.facts if one.field == fact.field]
        return all(_words(fact) <= _words(one) for one in old)

    def corrects(self, new: list[Fact]) -> bool:
        """Some of these replace what was known: the candidate sees that it was taken over."""
        known = {fact.field: fact.value for fact in self.at.facts}
        return any(fact.field in known and known[fact.field] != fact.value for fact in new)

    @property
    def only_unread(self) -> bool:
        """Nothing but things that were explained before: a second sticker gets no second sermon."""
        return not self.at.said and not self.decision.lines and bool(self.at.unread)

    @property
    def returning(self) -> bool:
        """The conversation is taken up again in this turn: nobody remembers the open question."""
        return any(line.key in {"resumed", "returned"} for line in self.decision.lines)

    @property
    def moves_on(self) -> bool:
        """Some message is more than a side question or remark."""
        ids = self.at.carrying(Intent.BOT, Intent.ABOUT_ME, Intent.QUESTION, Intent.SENSITIVE, Intent.OFF_TOPIC)
        return any(said.message_id not in ids for said in self.at.said)

    def _replace(self, list_field: str, stated: set[str]) -> None:
        """ "None" gives way to a licence and the other way round; a corrected list drops what it does not name."""
        none = f"{Field.LICENCES}.{NO_LICENCE}"
        for fact in list(self.decision.profile):
            if kind(fact.field) != list_field or fact.field in stated:
                continue
            has = any(one.field in stated and one.value.get("held", True) for one in self.at.found)
            contradicted = none in stated or (fact.field == none and has)
            if contradicted or self.intake.changing == list_field:
                self.drop(fact)

    def drop(self, fact: Fact, *, with_level: bool = True) -> None:
        """Retract a fact, and the level of a language that goes."""
        level = f"{LEVELS}.{part(fact.field)}" if with_level and kind(fact.field) == Field.LANGUAGES else ""
        gone = [f for f in self.decision.profile if f == fact or f.field == level]
        self.decision.profile = [f for f in self.decision.profile if f not in gone]
        self.decision.facts = [f for f in self.decision.facts if f not in gone]
        stored = {fact.id for fact in self.at.facts}
        self.decision.retract += [f.id for f in gone if f.id in stored]


def _words(fact: Fact) -> set[str]:
    return {word.folded for value in fact.value.values() for word in read(str(value)).words}


def fact_id(turn_id: str, field: str) -> str:
    """The same turn makes the same facts, however often it runs."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"fact:{turn_id}:{field}"))
