"""What a played dialogue is worth: counts per field, evidence, forbidden facts, guard hits, messages, cost."""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from app.recruiting.evidence import occurs
from app.recruiting.evidence_values import Support, follows
from app.recruiting.guard import GuardContext, check
from app.recruiting.guard_inbound import suspicions
from app.recruiting.languages import build_detector
from app.recruiting.phrases import Company
from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, part
from app.recruiting.said import Said
from app.recruiting.text import read
from evals.dialogues import ANY, Expectation
from evals.runner import Run

FIELDS = (*Field, LEVELS)


class Count(msgspec.Struct, kw_only=True):
    """True positives, false positives, false negatives of one field."""

    right: int = 0
    wrong: int = 0
    missing: int = 0

    @property
    def precision(self) -> float:
        """1.0 when nothing was found: nothing false was said."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """1.0 when nothing was expected."""
        return self.right / (self.right + self.missing) if self.right + self.missing else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def add(self, other: "Count") -> None:
        """Sum up."""
        self.right += other.right
        self.wrong += other.wrong
        self.missing += other.missing


class Marks(msgspec.Struct, kw_only=True):
    """One dialogue's result. `faults` are readable sentences; empty means that everything was as expected."""

    asked: dict[str, Count]  # fields whose question was answered
    every: dict[str, Count]
    facts: int = 0
    proven: int = 0
    contradicted: list[str] = []
    forbidden: list[str] = []
    guard: list[str] = []
    faults: list[str] = []
    seconds: list[float] = []
    cost_usd: float = 0.0
    tokens: int = 0


def mark(run: Run, company: Company) -> Marks:
    """Compare a run with its expectation."""
    expect = run.dialogue.expect
    counts = _counts(run.facts, expect)
    marks = Marks(
        asked={name: count for name, count in counts.items() if name in run.answered},
        every=counts,
        facts=len(run.ever),
        proven=sum(_is_proven(fact, run.said) for fact in run.ever),
        contradicted=[f"{fact.field} from “{fact.quote}”" for fact in run.ever if _contradicts(fact, run, company)],
        forbidden=_forbidden(run),
        guard=_guard(run, company),
        seconds=[turn.seconds for turn in run.turns],
        cost_usd=sum(float(turn.decision.get("cost_usd", 0.0)) for turn in run.turns),
        tokens=sum(
            int(turn.decision.get("input_tokens", 0)) + int(turn.decision.get("output_tokens", 0)) for turn in run.turns
        ),
    )
    marks.faults = [*_faults(run, expect), *_field_faults(run, expect, marks)]
    return marks


def _folded(text: str) -> str:
    return " ".join(word.folded for word in read(text).words)


def found_items(facts: Iterable[Fact]) -> dict[str, set[str]]:
    """Comparable values by field: one for simple fields, several for languages, levels and licences."""
    items: dict[str, set[str]] = {}
    for fact in facts:
        value = fact.value
        match kind(fact.field):
            case Field.NAME:
                item = _folded(value["display"])
            case Field.ROLE:
                item = _folded(value["title"])
            case Field.CITY:
                item = _folded(value["city"])
            case Field.AVAILABILITY:
                item = value["from"]
            case Field.LANGUAGES | Field.LICENCES:
                item = part(fact.field)
            case kind_ if kind_ == LEVELS:
                item = f"{part(fact.field)} {value['level']}"
            case _:
                continue  # told without being asked: nothing is expected of it yet
        items.setdefault(kind(fact.field), set()).add(item)
    return items


def expected_items(expect: Expectation) -> dict[str, list[set[str]]]:
    """Per field the items that must be found, each with its accepted forms."""
    wanted: dict[str, list[set[str]]] = {}
    for field, forms in ((Field.NAME, expect.name), (Field.ROLE, expect.role), (Field.CITY, expect.city)):
        if forms is not None:
            wanted[field] = [{_folded(form) for form in forms}]
    if expect.availability is not None:
        wanted[Field.AVAILABILITY] = [{expect.availability}]
    if expect.languages is not None:
        wanted[Field.LANGUAGES] = [{code} for code in expect.languages]
        wanted[LEVELS] = [{f"{code} {level}"} for code, level in expect.languages.items() if level]
    if expect.licences is not None:
        wanted[Field.LICENCES] = [{type_} for type_ in expect.licences or [NO_LICENCE]]
    return wanted


def _counts(facts: Sequence[Fact], expect: Expectation) -> dict[str, Count]:
    found, wanted = found_items(facts), expected_items(expect)
    counts = {}
    for field in FIELDS:
        rest, count = set(found.get(field, set())), Count()
        for forms in wanted.get(field, []):
            hit = next((form for form in forms if form in rest), None)
            if hit is None:
                count.missing += 1
            else:
                count.right += 1
                rest.discard(hit)
        count.wrong = len(rest)
        counts[str(field)] = count
    return counts


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
        if any(_folded(word) == item or f" {_folded(word)} " in f" {item} " for item in _texts(fact))
    ]
    fields = [f"{fact.field} is stored" for fact in run.ever if kind(fact.field) in forbid.fields]
    spoken = [
        f"the assistant says {word!r}"
        for turn in run.turns
        for reply in turn.replies
        for word in forbid.said
        if _folded(word) in _folded(reply.text)
    ]
    return [*values, *fields, *spoken]


def _texts(fact: Fact) -> list[str]:
    return [_folded(str(value)) for value in (*fact.value.values(), part(fact.field))]


def _guard(run: Run, company: Company) -> list[str]:
    """Rules that our messages break, by the outbound guard."""
    hits = []
    for turn in run.turns:
        context = GuardContext(
            language=turn.language or "en",
            detect=build_detector().guess,
            links=[company.privacy_url, company.alternative],
            names=[company.name],
            verbatim=turn.own,
        )
        for reply in turn.replies:
            hits += [f"{one.rule} ({one.detail}): {reply.text[one.start : one.end]}" for one in check(reply, context)]
    return hits


def _faults(run: Run, expect: Expectation) -> list[str]:
    faults = [run.broken] if run.broken else []
    stage = "stopped" if run.opted_out else run.stage
    if expect.owner not in {ANY, run.owner}:
        faults.append(f"owner is {run.owner}, expected {expect.owner}")
    if expect.stage not in {ANY, stage}:
        faults.append(f"stage is {stage}, expected {expect.stage}")
    if run.messages > expect.messages:
        faults.append(f"{run.messages} messages, expected at most {expect.messages}")
    if run.dialogue.language != run.language:
        faults.append(f"language is {run.language}, expected {run.dialogue.language}")
    if expect.suspicion and expect.suspicion not in _suspicions(run):
        faults.append(f"the guard saw no {expect.suspicion}")
    return faults


def _suspicions(run: Run) -> set[str]:
    detect = build_detector().guess
    return {
        one.kind
        for said in run.said.values()
        for one in suspicions(said.text, run.language or "en", detect, document=said.kind == "document")
    }


def _field_faults(run: Run, expect: Expectation, marks: Marks) -> list[str]:
    found, wanted = found_items(run.facts), expected_items(expect)
    faults = []
    for field, count in marks.every.items():
        if count.wrong or (count.missing and field in marks.asked):
            forms = [sorted(forms) for forms in wanted.get(field, [])]
            faults.append(f"{field}: found {sorted(found.get(field, set()))}, expected {forms}")
    return faults
