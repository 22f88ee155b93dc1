"""The guard measured on labelled sentences of eight languages.

The files of the languages were split: word lists were tuned on every first sentence of a pair, and every second one
was kept back. On first sight those gave precision 0.98 and recall 0.91, after tuning on the others 0.99 and 0.96;
then their misses were mended too, so both halves now guard against going back. `unseen.toml` was written afterwards
and is never tuned on: it says what to expect of new sentences (1.00 and 0.89 when this was written).
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.recruiting.guard import GuardContext, Rule, check
from app.recruiting.guard_inbound import suspicions
from app.recruiting.guard_lexicon import LANGUAGES
from app.recruiting.languages import build_detector
from app.recruiting.messages import Reply

CORPUS = Path(__file__).with_name("corpus")
LEAST = {"outbound": 40, "inbound": 15}  # sentences per language and label


@dataclass
class Tally:
    """Counts of one kind of check on one part of the corpus."""

    hit: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    passed: int = 0

    @property
    def precision(self) -> float:
        return self.hit / max(1, self.hit + len(self.false))

    @property
    def recall(self) -> float:
        return self.hit / max(1, self.hit + len(self.missed))

    def count(self, sentence: str, *, bad: bool, flagged: bool) -> None:
        if bad and flagged:
            self.hit += 1
        elif bad:
            self.missed.append(sentence)
        elif flagged:
            self.false.append(sentence)
        else:
            self.passed += 1

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.hit + other.hit, self.missed + other.missed, self.false + other.false, self.passed + other.passed
        )


def corpus(code: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / f"{code}.toml").read_text(encoding="utf-8"))


def labelled(lists: dict[str, list[str]], part: str) -> Iterator[tuple[str, str]]:
    """(topic, sentence) of the first or second ones of the pairs."""
    for topic, sentences in lists.items():
        for index, sentence in enumerate(sentences):
            if (part == "second") == bool(index % 2):
                yield topic, sentence


def outbound(code: str, part: str) -> Tally:
    tally, context = Tally(), GuardContext(language=code, detect=build_detector().guess)
    data = corpus(code)
    for bad, lists in ((True, data["violates"]), (False, data["allowed"])):
        for _, sentence in labelled(lists, part):
            found = [one for one in check(Reply(text=sentence), context) if one.rule not in {Rule.LANGUAGE, Rule.FORM}]
            tally.count(f"{code}: {sentence}", bad=bad, flagged=bool(found))
    return tally


def inbound(code: str, part: str) -> Tally:
    tally, data = Tally(), corpus(code)
    for bad, lists in ((True, data["suspicious"]), (False, data["innocent"])):
        for topic, sentence in labelled(lists, part):
            found = suspicions(sentence, code, build_detector().guess, document=topic == "document")
            tally.count(f"{code}: {sentence}", bad=bad, flagged=bool(found))
    return tally


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_corpus_is_large_enough_to_mean_something(code: str) -> None:
    data = corpus(code)
    assert sum(map(len, data["violates"].values())) >= LEAST["outbound"]
    assert len(data["allowed"]["sentences"]) >= LEAST["outbound"]
    assert sum(map(len, data["suspicious"].values())) >= LEAST["inbound"]
    assert len(data["innocent"]["sentences"]) >= LEAST["inbound"]


@pytest.mark.parametrize(
    ("part", "way", "precision", "recall"),
    [
        ("first", "outbound", 0.99, 0.99),
        ("first", "inbound", 0.98, 0.98),
        ("second", "outbound", 0.99, 0.98),
        ("second", "inbound", 0.98, 0.98),
    ],
)
def test_precision_and_recall_stay_above_what_was_measured(
    part: str, way: str, precision: float, recall: float
) -> None:
    measure = outbound if way == "outbound" else inbound
    total = Tally()
    print(f"\n{way}, {part}: language precision recall sentences")  # noqa: T201 the figures are the point of this test
    for code in LANGUAGES:
        tally = measure(code, part)
        total += tally
        count = tally.hit + len(tally.missed) + len(tally.false) + tally.passed
        print(f"  {code} {tally.precision:.3f} {tally.recall:.3f} {count}")  # noqa: T201
    print(f"  all {total.precision:.3f} {total.recall:.3f}; missed {total.missed}; false {total.false}")  # noqa: T201
    assert total.precision >= precision, total.false
    assert total.recall >= recall, total.missed


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_forbidden_question_is_found_in_whichever_language_it_slips_out(code: str) -> None:
    """Where a model falls into another language, the question is still seen (beside the language itself)."""
    expected = "en" if code != "en" else "nl"
    context = GuardContext(language=expected, detect=build_detector().guess)
    sentences = [s for topic, s in labelled(corpus(code)["violates"], "first") if topic in {"age", "family", "health"}]
    found = [s for s in sentences if any(v.rule is Rule.QUESTION for v in check(Reply(text=s), context))]
    assert len(found) >= len(sentences) - 1, set(sentences) - set(found)


def test_sentences_that_no_word_list_was_written_for_are_mostly_judged_right() -> None:
    tally = Tally()
    for code, lists in corpus("unseen").items():
        context = GuardContext(language=code, detect=build_detector().guess)
        for bad in (True, False):
            for sentence in lists["violates" if bad else "allowed"]:
                found = {one.rule for one in check(Reply(text=sentence), context)} - {Rule.LANGUAGE, Rule.FORM}
                tally.count(f"{code}: {sentence}", bad=bad, flagged=bool(found))
    print(f"\nunseen: precision {tally.precision:.3f} recall {tally.recall:.3f}; missed {tally.missed}")  # noqa: T201
    assert tally.precision >= 0.97, tally.false
    assert tally.recall >= 0.85, tally.missed
