"""A small language for the words people use, compiled to one regular expression over folded clauses.

`stop messag~|text~ * me`: words in order; `a|b` alternatives, `~` any ending, `*` up to three words between,
`[word]` may be missing, `#` a number, `^` and `$` the clause's edges, `%` the rest of the clause (captured).
"""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator

from app.recruiting.text import fold

_ANY = r"[^ ]*"
_GAP = r"(?:[^ ]+ ){0,3}"
_NEVER = r"(?!)"
_GROUP = re.compile(r"\(\?P<[a-z]+")
_REACH = 24  # letters of a beginning that are compared
_MOST_WORDS = 80  # of a clause; a file's whole text holds nearly every word anyway


class PatternError(ValueError):
    """A lexicon file holds a pattern that cannot be read."""


def _word(token: str) -> str:
    options = []
    for option in token.split("|"):
        if option == "#":
            options.append(r"(?P<number>\d+)")
            continue
        stem = fold(option.rstrip("~"))
        if not stem.isalnum():
            raise PatternError(f"{token!r} is not a word; write words, `a|b`, `stem~`, `*`, `[word]`, `#` or `%`")
        options.append(re.escape(stem) + (_ANY if option.endswith("~") else ""))
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def _tokens(pattern: str) -> list[str]:
    body = pattern.removeprefix("^").removesuffix("$")
    # Messages are split at hyphens ("nu-mi"), so patterns are too; within alternatives a hyphen is an error.
    split = [[token] if "|" in token else token.split("-") for token in body.split()]
    return list(itertools.chain.from_iterable(split))


def expression(pattern: str) -> str:
    """Regular expression source for one pattern."""
    begins, ends = pattern.startswith("^"), pattern.endswith("$")
    parts: list[str] = []
    for part in _tokens(pattern):
        if part == "*":
            parts.append(_GAP)
        elif part == "%":
            parts.append(r"(?P<rest>[^ ].*)")
        elif part.startswith("[") and part.endswith("]"):
            parts.append(f"(?:{_word(part[1:-1])} )?")
        else:
            parts.append(_word(part) + " ")
    # Every word carries the blank after it; the clause is matched with a blank appended.
    return ("^" if begins else r"(?<![^ ])") + "".join(parts) + ("$" if ends else "")


def _begins(option: str) -> str:
    """What a word begins with that matches the option; a whole word ends with a blank."""
    stem = fold(option.rstrip("~"))
    return stem[:_REACH] if option.endswith("~") or len(stem) >= _REACH else f"{stem} "


def _needed(pattern: str) -> frozenset[str]:
    """Beginnings of words of which a match holds at least one; empty when there is no such word."""
    certain = [part.split("|") for part in _tokens(pattern) if part not in ("*", "%") and not part.startswith("[")]
    choices = [[_begins(option) for option in options] for options in certain if "#" not in options]
    # The longest words are the rarest.
    return frozenset(max(choices, key=lambda options: min(map(len, options)), default=()))


@functools.lru_cache(maxsize=512)
def _beginnings(folded: str) -> frozenset[str] | None:
    """All that the words of a clause begin with, and each whole with a blank; None for long texts."""
    words = folded.split(" ", _MOST_WORDS)
    if len(words) > _MOST_WORDS:
        return None
    return frozenset(f"{word} "[:length] for word in words for length in range(1, min(len(word) + 1, _REACH) + 1))


Needed = frozenset[str] | None  # beginnings of words of which every match holds one; None: not known


def may_hold(folded: str, needed: Needed) -> bool:
    """Whether folded words hold one of the beginnings. True where it is not known."""
    if needed is None or (held := _beginnings(folded)) is None:
        return True
    return not needed.isdisjoint(held)


class Phrases:
    """Patterns as one alternation, tried in the given order. Most clauses hold none of the words that a match needs:
    those are told apart by one comparison of sets, at a fraction of what a search costs."""

    __slots__ = ("_expression", "needed")

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises PatternError. No pattern matches nothing."""
        given = list(patterns)
        count = itertools.count()  # a group name may occur once in an expression
        source = "|".join(f"(?:{expression(pattern)})" for pattern in given)
        self._expression = re.compile(
            _GROUP.sub(lambda name: f"{name.group()}{next(count)}", source) if given else _NEVER
        )
        needed = [_needed(pattern) for pattern in given]
        self.needed: Needed = frozenset().union(*needed) if all(needed) else None

    def search(self, folded: str, start: int = 0) -> re.Match[str] | None:
        """First match from `start` on in folded words, each with a blank behind it."""
        return self._expression.search(folded, start) if may_hold(folded, self.needed) else None

    def match(self, folded: str) -> re.Match[str] | None:
        """A match at the beginning of folded words, each with a blank behind it."""
        return self._expression.match(folded) if may_hold(folded, self.needed) else None

    def finditer(self, folded: str) -> Iterator[re.Match[str]]:
        """Every match in folded words, each with a blank behind it."""
        return self._expression.finditer(folded) if may_hold(folded, self.needed) else iter(())


def search(phrases: Phrases, folded: str) -> re.Match[str] | None:
    """First match in a folded clause."""
    return phrases.search(f"{folded} ")


def captured(match: re.Match[str], kind: str) -> tuple[int, int] | None:
    """Range of the `%` (`rest`) or `#` (`number`) capture of the pattern that matched."""
    for name, value in match.groupdict().items():
        if value is not None and name.startswith(kind):
            start, end = match.span(name)
            return start, end - (len(value) - len(value.rstrip()))
    return None
