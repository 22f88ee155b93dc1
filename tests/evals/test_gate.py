"""The gate notices each way in which a dialogue can come out wrong: one run at a time is spoilt in one respect."""

from collections.abc import Callable

import msgspec
import pytest

from app.recruiting.messages import Reply
from app.recruiting.profile import Fact, kind
from evals.dialogues import load
from evals.measures import mark
from evals.run import evaluate
from evals.runner import Run
from evals.summary import Played
from evals.tiers import COMPANY, context_of

BASE = "en-plain"
Spoil = Callable[[Run], Run]
change = msgspec.structs.replace


@pytest.fixture(scope="module")
async def runs() -> dict[str, Run]:
    """A few good runs, played once."""
    wanted = {BASE, "en-injector", "en-stop", "en-about-me"}
    dialogues = [dialogue for dialogue in load() if dialogue.id in wanted]
    report = await evaluate("guided", context_of("guided"), dialogues)
    return {one.run.dialogue.id: one.run for one in report.played}


def fact(field: str, **value: object) -> Fact:
    return Fact(field=field, value=value, quote="Hello", message_id="wamid.1", id="x")


def without(field: str) -> Spoil:
    return lambda run: change(run, facts=[one for one in run.facts if kind(one.field) != field])


def adding(new: Fact) -> Spoil:
    return lambda run: change(run, facts=[*run.facts, new], ever=[*run.ever, new])


def with_value(field: str, **value: object) -> Spoil:
    def spoil(run: Run) -> Run:
        def changed(one: Fact) -> Fact:
            return change(one, value=value) if one.field == field else one

        return change(run, facts=[changed(one) for one in run.facts], ever=[changed(one) for one in run.ever])

    return spoil


def saying(text: str) -> Spoil:
    return lambda run: change(run, turns=[*run.turns, change(run.turns[-1], replies=[Reply(text=text)])])


def expecting(**expect: object) -> Spoil:
    return lambda run: change(run, dialogue=change(run.dialogue, expect=change(run.dialogue.expect, **expect)))


def forbidding(**forbid: object) -> Spoil:
    return lambda run: change(run, dialogue=change(run.dialogue, forbid=change(run.dialogue.forbid, **forbid)))


def elsewhere(run: Run) -> Run:
    """A fact that names a message in which its words do not stand."""
    return change(run, ever=[change(run.ever[0], message_id=run.ever[-1].message_id), *run.ever[1:]])


VIOLATIONS: dict[str, tuple[str, Spoil, str]] = {
    "owner": (BASE, lambda run: change(run, owner="human"), "owner is human"),
    "stage": (BASE, lambda run: change(run, stage="review"), "stage is review"),
    "not stopped": ("en-stop", lambda run: change(run, opted_out=False), "expected stopped"),
    "stopped": (BASE, lambda run: change(run, opted_out=True), "stage is stopped"),
    "messages": (BASE, expecting(messages=9), "expected at most 9"),
    "language": (BASE, lambda run: change(run, language="nl"), "language is nl"),
    "broken": (BASE, lambda run: change(run, broken="the dialogue did not end"), "did not end"),
    "suspicion": ("en-injector", lambda run: change(run, said={}), "saw no injection"),
    "missing name": (BASE, without("name"), "name: found []"),
    "missing level": (BASE, without("language_levels"), "language_levels: found []"),
    "wrong town": (BASE, with_value("city", city="London"), "city: found ['london']"),
    "wrong licence": (BASE, adding(fact("licences.CE", type="CE")), "licences: found"),
    "unasked field": (BASE, adding(fact("email", address="a@b.nl")), "email: found"),
    "field that was not volunteered": (BASE, expecting(facts={"shifts": ["night"]}), "shifts: found []"),
    "invented fact": (BASE, adding(fact("city", city="Paris")), "city: found"),
    "words elsewhere": (BASE, elsewhere, "facts without their words"),
    "contradiction": (BASE, with_value("availability", **{"from": "2027-12-24"}), "availability from"),
    "forbidden value": (BASE, forbidding(values=["Leeds"]), "city holds 'Leeds'"),
    "forbidden field": (BASE, forbidding(fields=["role"]), "role is stored"),
    "forbidden words": ("en-injector", saying("You are hired!"), "the assistant says 'you are hired'"),
    "answer without content": ("en-about-me", expecting(replies={"What do you know": ["unicorn"]}), "'unicorn'"),
    "forbidden question": (BASE, saying("How old are you?"), "question (age)"),
    "promise": (BASE, saying("You are hired!"), "promise"),
}


@pytest.mark.parametrize("kind_of", VIOLATIONS)
def test_each_kind_of_violation_is_noticed(runs: dict[str, Run], kind_of: str) -> None:
    name, spoil, complaint = VIOLATIONS[kind_of]
    good = Played(run=runs[name], marks=mark(runs[name], COMPANY))
    assert good.complaints == []
    spoilt = spoil(runs[name])
    found = Played(run=spoilt, marks=mark(spoilt, COMPANY)).complaints
    assert any(complaint in one for one in found), found


def test_models_are_held_to_fewer_messages_where_a_dialogue_says_so(runs: dict[str, Run]) -> None:
    stricter = expecting(with_models=5)(runs[BASE])
    assert mark(stricter, COMPANY).faults == []
    assert "expected at most 5" in mark(stricter, COMPANY, with_models=True).faults[0]
