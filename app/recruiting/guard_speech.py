"""Forbidden questions, promises and claims in a text of ours, clause by clause in eight languages."""

import re
import unicodedata
from collections.abc import Callable, Iterator

import msgspec

from app.recruiting.guard_lexicon import LANGUAGES, GuardWords, guard_words
from app.recruiting.languages import Guess
from app.recruiting.patterns import search
from app.recruiting.text import Clause, Text

_SENTENCE = re.compile(r"[^.!?؟…\n]+(?:[.!?؟…](?!\s|$)[^.!?؟…\n]*)*[.!?؟…\n]*")
_ASKS = re.compile(r"[?؟]\W*$")
_LABEL_WORDS = 5  # "Date of birth:" is a field to fill in
_TAG_WORDS = 3  # "…, do you?" and "…, or not?" make the clause before them the question
_WITHOUT_REACH = 3  # words between "without" and what it excludes
_CUT = "_"
_SURE, _SURE_WORDS = 0.7, 3  # of the detector; less and every language of the script is tried
SAMPLE = 1000  # characters that the detector looks at; it needs seconds for one word of 50,000
_SCRIPTS = {"ARABIC": ("ar",), "CYRILLIC": ("uk",)}
_LATIN = tuple(code for code in LANGUAGES if code not in {"ar", "uk"})

Detect = Callable[[str], Guess]


class Spoken(msgspec.Struct, frozen=True):
    """What was found: `topic` of a forbidden question or kind of a statement, and where in the text."""

    topic: str
    start: int
    end: int
    asked: bool


class Sentence(msgspec.Struct, frozen=True):
    """`asks`: ends in a question mark, is a label, or continues a list that was asked for."""

    text: Text
    offset: int
    asks: bool
    opens_list: bool


def _sentences(source: str) -> Iterator[Sentence]:
    in_list = False
    for match in _SENTENCE.finditer(source):
        text = Text(match.group())
        if not text.clauses:
            in_list = in_list and "\n\n" not in match.group()
            continue
        bare = match.group().rstrip()
        label = bare.endswith(":") and len(text.words) <= _LABEL_WORDS
        asks = _ASKS.search(bare) is not None or label or in_list
        opens = bare.endswith(":")
        yield Sentence(text, match.start(), asks, opens)
        if opens and (in_list or any(_requests(text.whole.folded, guard_words(code)) for code in LANGUAGES)):
            in_list = True
        elif "\n\n" in match.group():
            in_list = False


def _requests(folded: str, words: GuardWords) -> bool:
    """An invitation to tell something, not "you need not tell"."""
    for match in words.forms["request"].finditer(folded + " "):
        before = " ".join(folded[: match.start()].split()[-_WITHOUT_REACH:])
        inside = folded[match.start() : match.end()]
        if not search(words.forms["negation"], before) and not search(words.forms["negation"], inside):
            return True
    return False


def script_of(text: str) -> str:
    """ARABIC, CYRILLIC, LATIN or another script's Unicode name, by the majority of letters; empty without letters."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else ""
    counts: dict[str, int] = {}
    for char in text:
        if char.isalpha():
            name = unicodedata.name(char, "").partition(" ")[0]
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else ""


def languages_of(text: str, expected: str, detect: Detect) -> tuple[str, ...]:
    """Languages whose words are looked for: the expected and the detected one, or all that the script allows."""
    guess = detect(text[:SAMPLE])
    if guess.language and guess.confidence >= _SURE and guess.words >= _SURE_WORDS:
        return (expected,) if guess.language == expected else (expected, guess.language)
    return _SCRIPTS.get(script_of(text[:SAMPLE]), _LATIN)


def spoken(source: str, expected: str, detect: Detect) -> list[Spoken]:
    """Everything forbidden that is asked or said. `expected` is the language the text should be in."""
    found: dict[tuple[str, int, int], Spoken] = {}
    for sentence in _sentences(source):
        for code in languages_of(sentence.text.original, expected, detect):
            for one in _in_sentence(sentence, guard_words(code)):
                found.setdefault((one.topic, one.start, one.end), one)
    return list(found.values())


def _in_sentence(sentence: Sentence, words: GuardWords) -> Iterator[Spoken]:
    clauses = sentence.text.clauses
    if not any(search(words.screen, clause.folded) for clause in clauses):
        return
    requests = _requests(sentence.text.whole.folded, words)
    tag = sentence.asks and len(clauses) > 1 and len(clauses[-1].words) <= _TAG_WORDS
    for index, clause in enumerate(clauses):
        strong = sentence.asks and index >= len(clauses) - (2 if tag else 1)
        before = clauses[index - 1] if index else None
        yield from _questions(sentence, clause, words, strong=strong, asks=sentence.asks or requests)
        if not strong:
            yield from _statements(sentence, clause, before, words)


def _allowed_cut(clause: Clause, words: GuardWords) -> str:
    """The folded clause with permitted phrases blotted out, every offset kept."""
    folded = clause.folded + " "
    for match in words.forms["allow"].finditer(folded):
        folded = folded[: match.start()] + re.sub(r"[^ ]", _CUT, match.group()) + folded[match.end() :]
    return folded


def _excluded(folded: str, start: int, words: GuardWords) -> bool:
    """ "without", at most three words before what it excludes."""
    before = folded[:start].split()[-_WITHOUT_REACH:]
    return search(words.forms["without"], " ".join(before)) is not None


def _spoken(sentence: Sentence, clause: Clause, match: re.Match[str], topic: str, *, asked: bool) -> Spoken:
    start, end = clause.span(match.start(), match.end())
    return Spoken(topic, sentence.offset + start, sentence.offset + end, asked)


def _questions(sentence: Sentence, clause: Clause, words: GuardWords, *, strong: bool, asks: bool) -> Iterator[Spoken]:
    folded = _allowed_cut(clause, words)
    negated = search(words.forms["negation"], clause.folded) is not None
    patterns = words.questions if asks else words.always
    for topic, pattern in patterns.items():
        for match in pattern.finditer(folded):
            if _excluded(clause.folded, match.start(), words) or (negated and not strong):
                continue
            yield _spoken(sentence, clause, match, topic, asked=True)
            break


def _statements(sentence: Sentence, clause: Clause, before: Clause | None, words: GuardWords) -> Iterator[Spoken]:
    negated = search(words.forms["negation"], clause.folded) is not None
    for kind, pattern in words.statements.items():
        match = search(pattern, clause.folded)
        if match is None:
            continue
        if kind in {"promise", "special"} and negated:
            continue
        if kind in {"promise", "verdict"} and _unreal(clause, before, words):
            continue
        yield _spoken(sentence, clause, match, kind, asked=False)


def _unreal(clause: Clause, before: Clause | None, words: GuardWords) -> bool:
    """Said under a condition ("if you are hired"), or denied before ("I cannot promise, that …")."""
    forms = words.forms
    if search(forms["unreal"], clause.folded):
        return True
    if before is None:
        return False
    if search(forms["unreal"], before.folded):
        return True
    return bool(search(forms["subordinate"], clause.folded) and search(forms["negation"], before.folded))
