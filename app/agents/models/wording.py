"""Which sentences of a decided step a model may word anew, and what its words must keep to. Plain rules, no model.

What is law or promise stays as the phrase files say it: greeting with AI disclosure, consent, privacy, handoffs,
STOP, read-backs.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from app.recruiting import language_names
from app.recruiting.amounts import find_numbers
from app.recruiting.intake import Decision, Line
from app.recruiting.languages import SWITCH_CONFIDENCE, Detector
from app.recruiting.lexicon import lexicon
from app.recruiting.phrases import Phrasebook, phrases
from app.recruiting.profile import Fact
from app.recruiting.readback import items
from app.recruiting.text import read

_FREE_KINDS = ("ask_", "again_", "probe_", "other_")
_FREE = frozenset({"thank_name", "question_later", "resumed", "start_when_ready", "done_already"})
_RESOLVED = frozenset({"language_code", "question", "asked_at"})  # parameters that the phrasebook puts into words
ANSWERABLE = "question_later"  # may become an answer, if approved facts hold one
MOST_CHARACTERS = 300  # of one piece (product §1f)
_LANGUAGE_WORDS = 4  # shorter pieces are too short to tell
_SURE = 0.99  # of the detector, where everyday words tie
_LINK = re.compile(r"https?://\S+|\bwww\.\S+|\b[\w-]+\.(?:com|net|org|nl|de|eu|io|be|pl|es|ro|ua)\b", re.IGNORECASE)
_MARKUP = re.compile(r"```|[<>{}]|\[[^\]]*\]\(|^#{1,6} ", re.MULTILINE)
_QUESTION_MARKS = "?؟"
_SENTENCE_END = re.compile(r"(?<=[.!?؟])\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph of the step as the phrase files say it. `free` ones may be worded anew but keep the words `keep`."""

    number: int
    key: str
    text: str
    free: bool
    asks: bool
    keep: tuple[str, ...] = ()


def pieces_of(decision: Decision, phrasebook: Phrasebook, language: str) -> list[Piece]:
    """The decided lines and question, in order, numbered from 1."""
    lines = [(line, False) for line in decision.lines]
    if decision.question is not None:
        lines.append((decision.question.line, True))
    return [
        Piece(
            number=number,
            key=line.key,
            text=phrasebook.line(language, line, decision.profile),
            free=line.key in _FREE or line.key.startswith(_FREE_KINDS),
            asks=asks,
            keep=_kept_words(line, language, decision.profile, phrasebook),
        )
        for number, (line, asks) in enumerate(lines, start=1)
    ]


def _kept_words(line: Line, language: str, profile: Sequence[Fact], phrasebook: Phrasebook) -> tuple[str, ...]:
    """What was filled into the sentence: a name, a language, a licence, values read back."""
    values = [value for name, value in line.params.items() if name not in _RESOLVED]
    if question := line.params.get("question"):
        values.append(phrasebook.item(language, question))
    if code := line.params.get("language_code"):
        values.append(language_names.display(code, language))
    if line.fields:
        values += [value for _, value in items(profile, line.fields, language, phrases(language).labels)]
    return tuple(values)


@dataclass(frozen=True)
class Allowed:
    """What new words may draw on: the candidate's own words, approved facts, and the detector of languages."""

    language: str
    heard: str
    approved: Sequence[str]
    detector: Detector


def broken_rules(piece: Piece, text: str, allowed: Allowed) -> list[str]:
    """Names of the rules that the new wording of a piece breaks; empty when it may be said."""
    broken = []
    if not text.strip() or len(text) > MOST_CHARACTERS:
        broken.append("length")
    marks = sum(text.count(mark) for mark in _QUESTION_MARKS)
    if marks > 1 or (marks and not piece.asks):
        broken.append("question")
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is None for word in piece.keep):
        broken.append("kept_words")
    if set(_LINK.findall(text)) - set(_LINK.findall(" ".join([piece.text, *allowed.approved]))):
        broken.append("link")
    sources = " ".join([piece.text, allowed.heard, *allowed.approved])
    if {number.value for number in find_numbers(text)} - {number.value for number in find_numbers(sources)}:
        broken.append("figure")
    if _MARKUP.search(text) or sum(unicodedata.category(char) == "So" for char in text) > 1:
        broken.append("form")
    # Sentence by sentence too: one in another language hides among others in the right one.
    if any(_foreign(part, allowed) for part in {text, *_SENTENCE_END.split(text)}):
        broken.append("language")
    return broken


def _foreign(text: str, allowed: Allowed) -> bool:
    """Prose in another language than the conversation's; everyday words decide, because names mislead trigrams."""
    guess = allowed.detector.guess(text)
    if guess.words < _LANGUAGE_WORDS or guess.confidence < SWITCH_CONFIDENCE or guess.language == allowed.language:
        return False
    common = lexicon(allowed.language).common
    own = sum(word.folded in common for word in read(text).words)
    if not guess.language:
        return own == 0
    return guess.known > own or (guess.known == own > 0 and guess.confidence >= _SURE)
