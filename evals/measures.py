"""What a played dialogue is worth: counts per field, evidence, forbidden facts, guard hits, messages, cost."""

import itertools
from zoneinfo import ZoneInfo

import msgspec

from app.agents.matching import pay_range
from app.recruiting.evidence import occurs
from app.recruiting.evidence_values import Support, follows
from app.recruiting.guard import GuardContext, check
from app.recruiting.guard_inbound import suspicions
from app.recruiting.languages import build_detector
from app.recruiting.phrases import Company
from app.recruiting.profile import Fact, kind, part
from app.recruiting.said import Said
from app.recruiting.vacancy import approved_facts, pitch
from evals.dialogues import ANY, Expectation, vacancy_of
from evals.matching import Count, counts, folded, found_items, wanted_items
from evals.runner import Run


class Marks(msgspec.Struct, kw_only=True):
    """One dialogue's result. `faults` are readable sentences; empty means that everything was as expected."""

    asked: dict[str, Count]  # fields whose question was answered
    every: dict[str, Count]
    first: dict[str, Count]  # as first stored, before anybody asked again or put it right
    facts: int = 0
    proven: int = 0
    contradicted: list[str] = []
    forbidden: list[str] = []
    guard: list[str] = []
    faults: list[str] = []
    asked_again: int = 0  # questions that were put again because their answer was not understood
    seconds: list[float] = []
    cost_usd: float = 0.0
    tokens: int = 0


def mark(run: Run, company: Company, *, with_models: bool = False) -> Marks:
    """Compare a run with its expectation; `with_models`: with the stricter one, where a dialogue has it."""
    expect = run.dialogue.expect
    every = counts(run.facts, expect)
    marks = Marks(
        asked={name: count for name, count in every.items() if name in run.answered},
        every=every,
        first=counts(_first_read(run.ever), expect),
        facts=len(run.ever),
        proven=sum(_is_proven(fact, run.said) for fact in run.ever),
        contradicted=[f"{fact.field} from “{fact.quote}”" for fact in run.ever if _contradicts(fact, run, company)],
        forbidden=_forbidden(run),
        guard=_guard(run, company),
        asked_again=_asked_again(run),
        seconds=[turn.seconds for turn in run.turns],
        cost_usd=sum(float(turn.decision.get("cost_usd", 0.0)) for turn in run.turns),
        tokens=sum(
            int(turn.decision.get("input_tokens", 0)) + int(turn.decision.get("output_tokens", 0)) for turn in run.turns
        ),
    )
    most = (expect.with_models if with_models else 0) or expect.messages
    marks.faults = [*_faults(run, expect, most), *_field_faults(run, expect, marks)]
    return marks


def _first_read(ever: list[Fact]) -> list[Fact]:
    """The first value of each path, right or wrong."""
    return list({fact.field: fact for fact in reversed(ever)}.values())


def _asked_again(run: Run) -> int:
    questions = [turn.asked for turn in run.turns if turn.asked in run.answered]
    return sum(one == other for one, other in itertools.pairwise(questions))


def _is_proven(fact: Fact, said: dict[str, Said]) -> bool:
    """The quote stands in the candidate's message that the fact names: our own look, not the graph's word."""
    message = said.get(fact.message_id)
    return message is not None and occurs(fact.quote, message.text)


def _contradicts(fact: Fact, run: Run, company: Company) -> bool:
    said = run.said.get(fact.message_id)
    zone = ZoneInfo(company.timezone)
    return said is not None and follows(fact, said, run.language or "en", zone) is Support.CONTRADICTS


def _forbidden(run: Run) -> list[str]:
    forbid = run.dialogue.forbid
    values = [
        f"{fact.field} holds {word!r}"
        for fact in run.ever
        for word in forbid.values
        if any(folded(word) == item or f" {folded(word)} " in f" {item} " for item in _texts(fact))
    ]
    fields = [f"{fact.field} is stored" for fact in run.ever if kind(fact.field) in forbid.fields]
    spoken = [
        f"the assistant says {word!r}"
        for turn in run.turns
        for reply in turn.replies
        for word in forbid.said
        if folded(word) in folded(reply.text)
    ]
    return [*values, *fields, *spoken]


def _texts(fact: Fact) -> list[str]:
    return [folded(str(value)) for value in (*fact.value.values(), part(fact.field))]


def _guard(run: Run, company: Company) -> list[str]:
    """Rules that our messages break, by the outbound guard."""
    hits = []
    vacancy = vacancy_of(run.dialogue)
    for turn in run.turns:
        context = GuardContext(
            language=turn.language or "en",
            detect=build_detector().guess,
            links=[company.privacy_url, company.alternative],
            names=[company.name],
            verbatim=turn.own,
        )
        if vacancy is not None:
            told = pitch(vacancy, context.language)
            approved = approved_facts(vacancy, context.language)
            context = msgspec.structs.replace(
                context,
                pay=pay_range(vacancy),
                approved=approved,
                names=[*context.names, vacancy.city],
                verbatim=[*context.verbatim, *told.values(), *approved],
            )
        for reply in turn.replies:
            hits += [f"{one.rule} ({one.detail}): {reply.text[one.start : one.end]}" for one in check(reply, context)]
    return hits


def _faults(run: Run, expect: Expectation, most: int) -> list[str]:
    faults = [run.broken] if run.broken else []
    stage = "stopped" if run.opted_out else run.stage
    if expect.owner not in {ANY, run.owner}:
        faults.append(f"owner is {run.owner}, expected {expect.owner}")
    if expect.stage not in {ANY, stage}:
        faults.append(f"stage is {stage}, expected {expect.stage}")
    if run.stage == "stopped" and not run.opted_out:
        faults.append("the wish to be left alone is not on record, expected stopped")
    if run.messages > most:
        faults.append(f"{run.messages} messages, expected at most {most}")
    if run.dialogue.language != run.language:
        faults.append(f"language is {run.language}, expected {run.dialogue.language}")
    if expect.suspicion and expect.suspicion not in _suspicions(run):
        faults.append(f"the guard saw no {expect.suspicion}")
    return [*faults, *_unsaid(run, expect)]


def _unsaid(run: Run, expect: Expectation) -> list[str]:
    """What our answer to certain words had to hold and does not."""
    faults = []
    for words, needed in expect.replies.items():
        answers = [turn.replies for turn in run.turns if any(words in line for line in turn.candidate)]
        said = folded(" ".join(reply.text for replies in answers for reply in replies))
        faults += [f"the answer to {words!r} does not say {need!r}" for need in needed if folded(need) not in said]
    return faults


def _suspicions(run: Run) -> set[str]:
    detect = build_detector().guess
    return {
        one.kind
        for said in run.said.values()
        for one in suspicions(said.text, run.language or "en", detect, document=said.kind == "document")
    }


def _field_faults(run: Run, expect: Expectation, marks: Marks) -> list[str]:
    found, wanted = found_items(run.facts), wanted_items(expect)
    faults = []
    for field, count in marks.every.items():
        if count.wrong or count.missing:
            want = [item.shown for item in wanted.get(field, [])]
            have = sorted(item.shown for item in found.get(field, []))
            faults.append(f"{field}: found {have}, expected {want}")
    return faults
