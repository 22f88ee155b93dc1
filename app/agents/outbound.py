"""What may be said to this candidate in this turn: the guard with everything it must know, asked for every tier.

Whatever a tier words passes here before it is proposed. A text that may not go out gives way to the phrase files'
words; should those be stopped too, which is a fault of ours, a fixed sentence goes out and a person takes over.
"""

from collections.abc import Iterator, Sequence

import msgspec

from app.agents import matching, turn_view
from app.agents.state import Json, Phrased, TurnInput
from app.recruiting.guard import GuardContext, Rule, Violation, check
from app.recruiting.guard_contacts import contacts
from app.recruiting.guard_prompts import PromptPrints
from app.recruiting.intake import Decision, Handoff, Line
from app.recruiting.languages import Detector
from app.recruiting.messages import Reply
from app.recruiting.phrases import Phrasebook, phrases, version
from app.recruiting.profile import assemble
from app.recruiting.vacancy import title_of
from app.recruiting.vacancy_answers import ANSWER, QUOTED
from app.telemetry.logs import get_logger
from app.telemetry.metrics import GUARD_BLOCKS

log = get_logger()
APPROVED = ("about", "bot")  # phrases whose statements a model may repeat
TECHNICAL = "technical"  # the fixed sentence, and the reason of the handoff that follows it
_GUIDED = "guided"
_EMPLOYERS = frozenset({matching.OPEN_PITCH, matching.CLOSED_PITCH, ANSWER, QUOTED})  # lines in an employer's words


_NO_PRINTS = PromptPrints()


class Outbound:
    """The guard of one deployment. `prompts` are prints of everything that models are told about their work."""

    def __init__(self, phrasebook: Phrasebook, detector: Detector, prompts: PromptPrints = _NO_PRINTS) -> None:
        self._phrasebook = phrasebook
        self._detect = detector.guess
        self._prompts = prompts
        company = phrasebook.company
        ours = contacts(f"{company.privacy_url} {company.alternative}")
        self._links = [one.value for one in ours if one.kind == "link"]
        self._contacts = [one.value for one in ours if one.kind != "link"]

    def approved(self, turn: TurnInput, language: str) -> list[str]:
        """Statements that may be made: about the desk, and what the employer approved about the vacancy."""
        return [*(self._phrasebook.text(language, key) for key in APPROVED), *matching.approved_of(turn, language)]

    def faults(
        self, reply: Reply, turn: TurnInput, language: str, decision: Decision, *, limit: int = 0
    ) -> list[Violation]:
        """Every rule that keeps this message from going out. `limit`: characters, where WhatsApp's own are too many."""
        context = self._context(turn, language, decision, limit)
        found = check(reply, context)
        if any(one.rule is Rule.CONTACT for one in found):
            # Read only now: a transcript may hold whole documents.
            own = [*self._contacts, *_own_contacts(turn, context.regions)]
            found = check(reply, msgspec.structs.replace(context, contacts=own))
        return found

    def _context(self, turn: TurnInput, language: str, decision: Decision, limit: int) -> GuardContext:
        company = self._phrasebook.company.name
        profile = assemble(decision.profile)
        vacancy = matching.vacancy_of(turn)
        known = [company, profile.name, profile.city]
        if vacancy is not None:
            known += [vacancy.company, vacancy.city, title_of(vacancy, language)]
        country = turn["conversation"].get("country", "")
        return GuardContext(
            language=language,
            detect=self._detect,
            links=[*self._links, *(vacancy.links if vacancy is not None and vacancy.is_open else ())],
            contacts=self._contacts,
            regions=[country] if country else [],
            pay=matching.pay_of(turn),
            approved=self.approved(turn, language),
            # The company chose its name, and stands in most sentences.
            verbatim=[company, *self._verbatim(language, decision)],
            names=[name for name in known if name],
            prompts=self._prompts,
            limit=limit,
        )

    def _verbatim(self, language: str, decision: Decision) -> Iterator[str]:
        """Our lines that hold the words of others: a candidate's own, an employer's about a vacancy."""
        for line in (*decision.lines, *([decision.question.line] if decision.question else ())):
            if line.key in _EMPLOYERS:
                yield from line.params.values()
            if question := line.params.get("question"):
                yield self._phrasebook.item(language, question)
            if not line.fields:
                continue
            yield from self._phrasebook.read_back(language, line, decision.profile)
            if "{name}" in phrases(language).texts[line.key]:
                yield self._phrasebook.line(language, line, decision.profile)

    def settle(self, turn: TurnInput, language: str, decision: Decision, phrased: Phrased) -> tuple[Phrased, Decision]:
        """What goes out, and what was decided: both as they came, unless the words may not be said."""
        broken = self._broken(msgspec.convert(phrased["replies"], list[Reply]), turn, language, decision)
        if not broken:
            return phrased, decision
        template = self._phrasebook.replies(language, decision)
        at_fault = self._broken(template, turn, language, decision)
        if not at_fault:
            return _said(template, phrased, broken), decision
        for rule in at_fault:
            log.error("guard.template_blocked", rule=rule)
        if decision.opted_out or turn["conversation"]["owner"] != "assistant":
            return _said([], phrased, at_fault), decision
        asked = Line(key=TECHNICAL, params={"asked_at": f"{turn['now']:.0f}"})
        sentence = Reply(text=self._phrasebook.line(language, asked, []))
        return _said([sentence], phrased, at_fault), _handed_over(turn, decision, at_fault)

    def _broken(self, replies: Sequence[Reply], turn: TurnInput, language: str, decision: Decision) -> list[str]:
        """Names of broken rules, each counted."""
        found = {one.rule.value for reply in replies for one in self.faults(reply, turn, language, decision)}
        for rule in found:
            GUARD_BLOCKS(rule).inc()
        return sorted(found)


def _own_contacts(turn: TurnInput, regions: Sequence[str]) -> Iterator[str]:
    """The number the candidate writes from, and what they themselves wrote in this conversation."""
    if phone := turn["conversation"].get("wa_id", ""):
        yield phone
    for said in (*turn_view.said_before(turn), *turn_view.said_now(turn)):
        yield from (one.value for one in contacts(said.text, regions) if one.kind != "link")


def _said(replies: Sequence[Reply], phrased: Phrased, blocked: list[str]) -> Phrased:
    decision: Json = {**phrased["decision"], "prompt_version": f"phrases-{version()}", "blocked": blocked}
    return Phrased(replies=[msgspec.to_builtins(reply) for reply in replies], tier=_GUIDED, decision=decision)


def _handed_over(turn: TurnInput, decision: Decision, rules: list[str]) -> Decision:
    """What the candidate told is kept. What was not asked counts as not asked: the intake stays where it was."""
    text = f"The assistant's own sentence was stopped by its rules ({', '.join(rules)}). Please answer the candidate."
    handoff = decision.handoff or Handoff(reason=TECHNICAL, urgency="same_day", text=text)
    before = turn_view.intake(turn)
    intake = msgspec.structs.replace(before, handed_over=handoff.reason, last_at=decision.intake.last_at)
    return msgspec.structs.replace(decision, lines=[Line(key=TECHNICAL)], question=None, handoff=handoff, intake=intake)
