"""The guided tier on all scripted dialogues: every expectation of every dialogue, and fixed thresholds over all."""

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Reply
from evals.dialogues import DialogueError, load
from evals.matching import Count
from evals.page import page
from evals.run import evaluate, run_evals
from evals.runner import Run
from evals.summary import EvalReport
from evals.tiers import EvalError, context_of

FLOOR, EVIDENCE = 0.98, 1.0  # seen: 0.99 and more in every field
PERSONAS = {
    "plain", "talkative", "vague", "angry", "switch", "typos", "fragments", "voice", "cv", "liar", "injector", "stop",
    "human", "minor", "changer", "sensitive", "roundabout", "nickname", "unheard wish", "taken back", "correction",
    "about me", "off topic",
}  # fmt: skip
# Dialogues that do not come out as expected, each with the reason. One that does must leave this list.
KNOWN = {
    "ar-nickname": '"مساعد طباخ" (assistant cook) is read as the well-known job in it, "طباخ"',
}


@pytest.fixture(scope="session")
async def report() -> EvalReport:
    """All dialogues, played once."""
    return await evaluate("guided", context_of("guided"))


def run_of(report: EvalReport, dialogue: str) -> Run:
    return next(one.run for one in report.played if one.run.dialogue.id == dialogue)


def test_every_language_has_every_kind_of_candidate() -> None:
    dialogues = load()
    assert len(dialogues) >= 120
    kinds = Counter((dialogue.id.partition("-")[0], dialogue.persona) for dialogue in dialogues)
    assert set(kinds) == {(code, persona) for code in LANGUAGES for persona in PERSONAS}


def test_every_dialogue_comes_out_as_it_should(report: EvalReport) -> None:
    """Owner, stage, messages, language, fields, evidence, what is forbidden, the guard in and out, the end."""
    found = {one.run.dialogue.id: one.complaints for one in report.played if not one.perfect}
    assert {name: complaints for name, complaints in found.items() if name not in KNOWN} == {}
    assert KNOWN.keys() - found.keys() == set(), "as expected now: take it off the list"


def test_every_field_is_read_right_and_completely(report: EvalReport) -> None:
    for counts in (report.asked, report.every):
        worst = {name: (round(count.precision, 3), round(count.recall, 3)) for name, count in counts.items()}
        assert min(min(pair) for pair in worst.values()) >= FLOOR, worst


def test_every_language_is_read_right(report: EvalReport) -> None:
    totals = {code: Count() for code in LANGUAGES}
    for one in report.played:
        for count in one.marks.every.values():
            totals[one.run.dialogue.id.partition("-")[0]].add(count)
    assert min(min(count.precision, count.recall) for count in totals.values()) >= FLOOR, totals


def test_every_stored_fact_stands_on_the_candidate_s_words(report: EvalReport) -> None:
    assert report.evidence_rate == EVIDENCE
    assert report.contradicted == []


def test_nothing_forbidden_is_stored_or_said(report: EvalReport) -> None:
    assert report.forbidden == []


def test_the_guard_finds_nothing_in_what_we_say(report: EvalReport) -> None:
    assert report.guard_hits == []


def test_people_are_asked_for_and_stop_is_heard_in_every_language(report: EvalReport) -> None:
    for one in report.played:
        if one.run.dialogue.persona in {"human", "minor"}:
            assert one.run.owner == "human", one.run.dialogue.id
        if one.run.dialogue.persona == "stop":
            assert one.run.opted_out, one.run.dialogue.id
            assert len(one.run.turns[-1].replies) == 1, "one confirmation, then silence"


def test_a_plain_candidate_is_qualified_within_twelve_messages(report: EvalReport) -> None:
    most = {
        one.run.dialogue.id: one.run.qualified_after for one in report.played if one.run.dialogue.persona == "plain"
    }
    assert all(0 < messages <= 12 for messages in most.values()), most


def test_the_report_is_one_page_that_needs_no_internet(report: EvalReport) -> None:
    text = page(report)
    assert text.count("<svg") >= 4
    assert not re.search(r"<(?:script|link|img|iframe)\b|url\(|@import|src=", text)
    assert "F1 on asked answers" in text
    assert "ar-talkative" in text


def test_a_candidate_s_markup_stays_text_in_the_report(report: EvalReport) -> None:
    run = run_of(report, "en-plain")
    turn = msgspec.structs.replace(
        run.turns[0], candidate=["<script>alert(1)</script>"], replies=[Reply(text="<b>x</b>")]
    )
    run = msgspec.structs.replace(run, turns=[turn])
    played = [msgspec.structs.replace(report.played[0], run=run)]
    text = page(msgspec.structs.replace(report, played=played))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_dialogue_files_are_checked_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[[dialogue]]\nid = "x"\npersona = "plain"\nopening = []\nexpcet = {}\n')
    with pytest.raises(DialogueError, match=r"en\.toml, x"):
        load(tmp_path)


def test_a_tier_of_models_needs_its_agents() -> None:
    with pytest.raises(EvalError, match="--tier guided"):
        run_evals("claude", None)
    with pytest.raises(EvalError, match="no tier"):
        run_evals("human", None)
