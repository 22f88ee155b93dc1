"""All dialogues together: the numbers that thresholds are set on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from evals.matching import FIELDS, Count
from evals.measures import Marks
from evals.runner import Run


class Played(msgspec.Struct, kw_only=True):
    """A dialogue with its marks."""

    run: Run
    marks: Marks
    vendor: str = ""  # that was asked first, in the scripted tier
    misbehaviour: str = ""  # what its model did wrong

    @property
    def complaints(self) -> list[str]:
        """Everything that is not as expected."""
        marks = self.marks
        unproven = [f"{marks.facts - marks.proven} facts without their words"] if marks.proven != marks.facts else []
        return [*marks.faults, *marks.forbidden, *marks.guard, *marks.contradicted, *unproven]

    @property
    def perfect(self) -> bool:
        """Everything as expected."""
        return not self.complaints


class EvalReport(msgspec.Struct, kw_only=True):
    """Result of a run of all dialogues with one tier. `seconds` is the wall clock of the whole run."""

    tier: str
    played: list[Played]
    seconds: float
    asked: dict[str, Count]  # answers to questions that were asked
    every: dict[str, Count]  # also what candidates volunteered
    first: dict[str, Count]  # all as first stored, before anything was put right
    misbehaved: "EvalReport | None" = None  # the same dialogues with models that do wrong

    @property
    def asked_total(self) -> Count:
        """All fields together (micro average)."""
        return _sum(self.asked.values())

    @property
    def every_total(self) -> Count:
        """All fields together, volunteered facts included."""
        return _sum(self.every.values())

    @property
    def first_total(self) -> Count:
        """All fields together, as first stored."""
        return _sum(self.first.values())

    @property
    def evidence_rate(self) -> float:
        """Share of stored facts whose quote stands in the message that they name."""
        facts = sum(one.marks.facts for one in self.played)
        return sum(one.marks.proven for one in self.played) / facts if facts else 1.0

    @property
    def contradicted(self) -> list[str]:
        """Stored values that their own words contradict."""
        return [f"{one.run.dialogue.id}: {fault}" for one in self.played for fault in one.marks.contradicted]

    @property
    def forbidden(self) -> list[str]:
        """Facts that may not be stored and sentences that may not be said."""
        return [f"{one.run.dialogue.id}: {fault}" for one in self.played for fault in one.marks.forbidden]

    @property
    def guard_hits(self) -> list[str]:
        """Messages of ours that break an outbound rule."""
        return [f"{one.run.dialogue.id}: {hit}" for one in self.played for hit in one.marks.guard]

    @property
    def messages_to_qualified(self) -> list[int]:
        """Messages of ours until the profile was confirmed, per dialogue that came so far; sorted."""
        return sorted(one.run.qualified_after for one in self.played if one.run.qualified_after)

    @property
    def turn_seconds(self) -> list[float]:
        """Duration of every turn, sorted."""
        return sorted(seconds for one in self.played for seconds in one.marks.seconds)

    @property
    def cost_usd(self) -> float:
        """What the models cost."""
        return sum(one.marks.cost_usd for one in self.played)

    @property
    def turns_by_tier(self) -> dict[str, int]:
        """Who read how many turns: a tier that fell back measured another one."""
        turns = [turn.decision.get("tiers", {}) for one in self.played for turn in one.run.turns]
        return dict(Counter(str(tiers.get("extraction", "")) for tiers in turns).most_common())

    @property
    def asked_again(self) -> int:
        """Questions put again because their answer was not understood."""
        return sum(one.marks.asked_again for one in self.played)

    @property
    def rejected(self) -> int:
        """Facts that the graph refused for want of evidence."""
        return sum(turn.rejected for one in self.played for turn in one.run.turns)

    def lines(self) -> list[str]:
        """The report as text, for a terminal."""
        turns, to_qualified = self.turn_seconds, self.messages_to_qualified
        lines = [
            f"tier {self.tier}: {len(self.played)} dialogues, "
            f"{sum(one.perfect for one in self.played)} without a fault, {self.seconds:.1f} s",
            "",
            f"{'':<20}{'-- asked answers --':>25}{'-- with volunteered --':>28}{'as first stored':>18}",
            f"{'field':<20}{'precision':>10}{'recall':>8}{'F1':>7}{'precision':>13}{'recall':>8}{'F1':>7}{'F1':>18}",
            *(
                _row(n, self.asked.get(n, Count()), count, self.first.get(n, Count()))
                for n, count in self.every.items()
            ),
            _row("all", self.asked_total, self.every_total, self.first_total),
            "",
            f"evidence rate {self.evidence_rate:.1%}, contradicted values {len(self.contradicted)}, "
            f"refused facts {self.rejected}",
            f"forbidden facts {len(self.forbidden)}, guard hits {len(self.guard_hits)}",
            f"messages to qualified: median {median(to_qualified) if to_qualified else '-'}, "
            f"most {to_qualified[-1] if to_qualified else '-'} ({len(to_qualified)} qualified); "
            f"questions asked again: {self.asked_again}",
            f"turn: median {median(turns) * 1000:.0f} ms, p95 {percentile(turns, 0.95) * 1000:.0f} ms"
            if turns
            else "no turn",
            "turns read by " + ", ".join(f"{tier}: {count}" for tier, count in self.turns_by_tier.items()),
            f"cost {self.cost_usd:.4f} USD, {self.cost_usd / max(1, len(self.played)):.4f} a dialogue",
            *(f"{one.run.dialogue.id}{_played_by(one)}: {'; '.join(one.complaints)}" for one in self.faulty),
        ]
        return lines if self.misbehaved is None else [*lines, "", *_misbehaviour_lines(self.misbehaved)]

    @property
    def faulty(self) -> list[Played]:
        """Dialogues that are not as expected."""
        return [one for one in self.played if not one.perfect]


def _played_by(one: Played) -> str:
    return f" ({', '.join(filter(None, [one.vendor, one.misbehaviour]))})" if one.vendor else ""


def _misbehaviour_lines(report: EvalReport) -> list[str]:
    head = f"{'misbehaviour':<22}{'dialogues':>10}{'F1':>7}{'evidence':>10}{'forbidden':>11}{'guard':>7}"
    rows = [
        f"{name:<22}{len(part.played):>10}{part.every_total.f1:>7.3f}{part.evidence_rate:>10.1%}"
        f"{len(part.forbidden):>11}{len(part.guard_hits):>7}"
        for name, part in by_misbehaviour(report).items()
    ]
    faults = [f"{one.run.dialogue.id}{_played_by(one)}: {'; '.join(one.complaints)}" for one in report.faulty]
    return [f"with models that misbehave: {len(report.played)} dialogues, {report.seconds:.1f} s", head, *rows, *faults]


def by_misbehaviour(report: EvalReport) -> dict[str, EvalReport]:
    """A report of its own for each way to misbehave."""
    names = dict.fromkeys(one.misbehaviour for one in report.played)
    parts = {name: [one for one in report.played if one.misbehaviour == name] for name in names}
    return {name: summed(report.tier, played, report.seconds) for name, played in parts.items()}


def _row(name: str, asked: Count, every: Count, first: Count) -> str:
    return (
        f"{name:<20}{asked.precision:>10.3f}{asked.recall:>8.3f}{asked.f1:>7.3f}"
        f"{every.precision:>13.3f}{every.recall:>8.3f}{every.f1:>7.3f}{first.f1:>18.3f}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank in a sorted list."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def _sum(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        total.add(count)
    return total


def summed(tier: str, played: list[Played], seconds: float) -> EvalReport:
    """Add the dialogues up."""
    return EvalReport(
        tier=tier,
        played=played,
        seconds=seconds,
        asked=_by_field(one.marks.asked for one in played),
        every=_by_field(one.marks.every for one in played),
        first=_by_field(one.marks.first for one in played),
    )


def _by_field(marks: Iterable[Mapping[str, Count]]) -> dict[str, Count]:
    totals = {str(name): Count() for name in FIELDS}
    for counts in marks:
        for name, count in counts.items():
            totals.setdefault(name, Count()).add(count)
    return totals
