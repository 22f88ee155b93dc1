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
from evals.summary import EvalReport
from evals.tiers import EvalError, context_of

FLOOR = 0.98  # precision and recall of every field; seen: 1.0
PERSONAS = {
    "plain", "talkative", "vague", "angry", "switch", "typos", "fragments", "voice", "cv", "liar", "injector", "stop",
    "human", "minor", "changer", "sensitive", "roundabout", "nickname", "unheard wish", "taken back", "correction",
    "about me", "off topic", "volunteers", "applies",
}  # fmt: skip
# Dialogues that do not come out as expected, each with the reason. One that does must leave this list.
KNOWN: dict[str, str] = {}


def test_every_language_has_every_kind_of_candidate() -> None:
    dialogues = load()
    assert len(dialogues) >= 190
    kinds = Counter((dialogue.id.partition("-")[0], dialogue.persona) for dialogue in dialogues)
    assert set(kinds) == {(code, persona) for code in LANGUAGES for persona in PERSONAS}


@pytest.mark.timeout(300)
async def test_every_dialogue_comes_out_as_it_should() -> None:
    """Owner, stage, messages, language, fields, evidence, what is forbidden, the guard in and out, the end.

    One long test: several would play everything once more on each of pytest's workers.
    """
    report = await evaluate("guided", context_of("guided"))
    found = {one.run.dialogue.id: one.complaints for one in report.faulty}
    assert {name: complaints for name, complaints in found.items() if name not in KNOWN} == {}
    assert KNOWN.keys() - found.keys() == set(), "as expected now: take it off the list"
    assert report.evidence_rate == 1.0
    assert report.contradicted == []
    assert report.guard_hits == []
    for counts in (report.asked, report.every):
        worst = {name: (round(count.precision, 3), round(count.recall, 3)) for name, count in counts.items()}
        assert min(min(pair) for pair in worst.values()) >= FLOOR, worst
    languages = {code: Count() for code in LANGUAGES}
    for one in report.played:
        for count in one.marks.every.values():
            languages[one.run.dialogue.id.partition("-")[0]].add(count)
    assert min(min(count.precision, count.recall) for count in languages.values()) >= FLOOR, languages
    check_personas(report)


def check_personas(report: EvalReport) -> None:
    """People are asked for, STOP is heard, and a plain candidate is done within twelve messages."""
    for one in report.played:
        persona, run = one.run.dialogue.persona, one.run
        if persona in {"human", "minor"}:
            assert run.owner == "human", run.dialogue.id
        if persona == "stop":
            assert run.opted_out, run.dialogue.id
            assert len(run.turns[-1].replies) == 1, "one confirmation, then silence"
        if persona == "applies":
            assert 0 < run.qualified_after <= 12, run.dialogue.id
            assert "role" not in {turn.asked for turn in run.turns}, "the vacancy says which work"
        if persona == "plain":
            assert 0 < run.qualified_after <= 12, run.dialogue.id


async def test_the_report_is_one_page_that_needs_no_internet_and_shows_words_as_words() -> None:
    few = [dialogue for dialogue in load() if dialogue.persona in {"talkative", "volunteers"}]
    report = await evaluate("guided", context_of("guided"), few)
    text = page(report)
    assert text.count("<svg") >= 4
    assert not re.search(r"<(?:script|link|img|iframe)\b|url\(|@import|src=", text)
    for shown in ("F1 on asked answers", "ar-talkative", "precision (all)", "recall (asked)", "salary_expectation"):
        assert shown in text
    turn = msgspec.structs.replace(
        report.played[0].run.turns[0], candidate=["<script>alert(1)</script>"], replies=[Reply(text="<b>x</b>")]
    )
    run = msgspec.structs.replace(report.played[0].run, turns=[turn])
    played = [msgspec.structs.replace(report.played[0], run=run)]
    text = page(msgspec.structs.replace(report, played=played))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_dialogue_files_are_checked_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[[dialogue]]\nid = "x"\npersona = "plain"\nopening = []\nexpcet = {}\n')
    with pytest.raises(DialogueError, match=r"en\.toml, x"):
        load(tmp_path)
    (tmp_path / "en.toml").unlink()
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "odd.toml").write_text('[[dialogue]]\nid = "x"\npersona = "p"\nopening = []\nexpect = {}\n')
    with pytest.raises(DialogueError, match="language must be one of"):
        load(tmp_path)


def test_a_tier_of_models_needs_its_agents() -> None:
    with pytest.raises(EvalError, match="--tier guided"):
        run_evals("claude", None)
    with pytest.raises(EvalError, match="no tier"):
        run_evals("human", None)
    with pytest.raises(EvalError, match="plan of models"):
        run_evals("scripted", None)
