"""The dialogues as a dataset of pydantic-evals: a case for each way to play one, judged by evaluators with reasons."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from evals.dialogues import Dialogue
from evals.matching import Count
from evals.misbehaviour import Casting
from evals.summary import Played
from evals.tiers import EvalError

Subject = TypeVar("Subject", Dialogue, Casting)
Metadata = dict[str, str]


@dataclass
class AsExpected(Evaluator[object, Played, Metadata]):
    """What holds for a dialogue or does not, each with what speaks against it."""

    def evaluate(self, ctx: EvaluatorContext[object, Played, Metadata]) -> Mapping[str, EvaluationReason]:
        """An assertion for each kind of expectation."""
        marks = ctx.output.marks
        against = {
            "comes out as expected": marks.faults,
            "nothing forbidden": marks.forbidden,
            "nothing for the guard": marks.guard,
            "values follow from their words": marks.contradicted,
            "facts have their words": [f"{marks.facts - marks.proven}"] if marks.facts != marks.proven else [],
        }
        return {name: EvaluationReason(not found, "; ".join(found) or None) for name, found in against.items()}


@dataclass
class Reading(Evaluator[object, Played, Metadata]):
    """How much was read, and at what price."""

    def evaluate(self, ctx: EvaluatorContext[object, Played, Metadata]) -> Mapping[str, float]:
        """Scores over all fields of the dialogue."""
        run, marks, total = ctx.output.run, ctx.output.marks, Count()
        for count in marks.every.values():
            total.add(count)
        return {
            "precision": total.precision,
            "recall": total.recall,
            "messages": float(run.messages),
            "asked again": float(marks.asked_again),
            "cost_usd": marks.cost_usd,
        }


def _case(subject: Dialogue | Casting) -> Case[Dialogue | Casting, Played, Metadata]:
    dialogue = subject if isinstance(subject, Dialogue) else subject.dialogue
    name = subject.id if isinstance(subject, Dialogue) else subject.account
    metadata = {"language": dialogue.id.partition("-")[0], "persona": dialogue.persona}
    return Case(name=name, inputs=subject, metadata=metadata)


async def play_all(
    name: str, subjects: list[Subject], play: Callable[[Subject], Awaitable[Played]], at_once: int
) -> list[Played]:
    """Play every case, at most so many at once, in order. Raises EvalError where one could not be played or judged."""
    dataset = Dataset(name=name, cases=[_case(one) for one in subjects], evaluators=[AsExpected(), Reading()])
    report = await dataset.evaluate(play, max_concurrency=at_once, progress=False)  # type: ignore[arg-type]
    broken = [f"{failure.name}: {failure.error_message}" for failure in report.failures]
    broken += [f"{case.name}: {one.error_message}" for case in report.cases for one in case.evaluator_failures]
    if broken:
        raise EvalError(f"{len(broken)} dialogues could not be played: {broken[0]}")
    return [case.output for case in report.cases]
