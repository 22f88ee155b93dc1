"""Words of a message as rules compare them: folded, in clauses, each knowing where it stood in the original."""

import functools
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

# Letters that Unicode does not decompose but that people leave out on a phone keyboard.
_LOOSE = str.maketrans(
    {"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ґ": "г", "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ـ": None, "'": None}
    | dict.fromkeys("’‘ʼ`´′", None)
)
# A word: letters, digits and the marks that may stand on them; an apostrophe only inside ("don't", "м'ясо").
_MARKS = "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640\u200c\u200d"
_WORD = re.compile(rf"[\w{_MARKS}]+(?:['’ʼ`´′][\w{_MARKS}]+)*")
_BREAK = re.compile(r"[.,!?;:()\n…–—،؟؛¿¡|]|\s-\s")
_SENTENCE_END = re.compile(r"[.!;\n…؛](?=\s|$)|[?؟]")
_QUESTION = re.compile(r"[?؟]")


@functools.lru_cache(maxsize=16384)
def fold(word: str) -> str:
    """Case, accents, apostrophes, Arabic spelling variants and digit scripts removed. Idempotent."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold().translate(_LOOSE))
    letters = (c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in letters).translate(_LOOSE)


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` are offsets in the original text."""

    folded: str
    start: int
    end: int


class Clause:
    """Words between two punctuation marks; `folded` is what patterns are matched against."""

    __slots__ = ("_starts", "folded", "source", "words")

    def __init__(self, source: str, words: tuple[Word, ...]) -> None:
        self.source = source
        self.words = words
        self.folded = " ".join(word.folded for word in words)
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word.folded) + 1
        self._starts = starts

    @property
    def asks(self) -> bool:
        """Its sentence ends in a question mark of any script."""
        end = _SENTENCE_END.search(self.source, self.words[-1].end) if self.words else None
        return end is not None and end[0] in "?؟"

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text for the folded range; needs at least one word in it."""
        first = self.words[bisect_right(self._starts, start) - 1]
        last = self.words[bisect_right(self._starts, max(start, end - 1)) - 1]
        return first.start, last.end

    def quote(self, start: int, end: int) -> str:
        """The candidate's own characters for a range of `folded`."""
        begin, stop = self.span(start, end)
        return self.source[begin:stop]

    def tail(self, start: int) -> tuple[Word, ...]:
        """Words from the folded offset on."""
        return tuple(w for w, at in zip(self.words, self._starts, strict=True) if at >= start)


class Text:
    """A message split into clauses."""

    __slots__ = ("_whole", "clauses", "original")

    def __init__(self, original: str) -> None:
        self.original = original
        clauses: list[Clause] = []
        words: list[Word] = []
        at = 0
        for match in _WORD.finditer(original):
            if words and _BREAK.search(original, at, match.start()):
                clauses.append(Clause(original, tuple(words)))
                words = []
            at = match.end()
            if folded := fold(match.group()):
                words.append(Word(folded, match.start(), at))
        if words:
            clauses.append(Clause(original, tuple(words)))
        self.clauses = tuple(clauses)
        self._whole: Clause | None = None

    def only(self, clauses: tuple[Clause, ...]) -> "Text":
        """The same message with some of its clauses; offsets still point into the original."""
        part = object.__new__(Text)
        part.original, part.clauses, part._whole = self.original, clauses, None
        return part

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return self.whole.words

    @property
    def whole(self) -> Clause:
        """The message as one clause, for patterns that reach over punctuation."""
        if self._whole is None:
            words = tuple(word for clause in self.clauses for word in clause.words)
            self._whole = self.clauses[0] if len(self.clauses) == 1 else Clause(self.original, words)
        return self._whole

    @property
    def asks(self) -> bool:
        """Holds a question mark of any script."""
        return _QUESTION.search(self.original) is not None


@functools.lru_cache(maxsize=512)
def read(original: str) -> Text:
    """`Text` of a message; cached because several rules read the same one."""
    return Text(original)
