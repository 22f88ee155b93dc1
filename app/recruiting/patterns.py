"""A small language for the words people use, compiled to one regular expression over folded clauses.

`stop messag~|text~ * me`: words in order; `a|b` alternatives, `~` any ending, `*` up to three words between,
`[word]` may be missing, `#` a number, `^` and `$` the clause's edges, `%` the rest of the clause (captured).
"""

import itertools
import re
from collections.abc import Iterable

from app.recruiting.text import fold

_ANY = r"[^ ]*"
_GAP = r"(?:[^ ]+ ){0,3}"
NEVER = re.compile(r"(?!)")


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


def expression(pattern: str) -> str:
    """Regular expression source for one pattern."""
    begins, ends = pattern.startswith("^"), pattern.endswith("$")
    parts: list[str] = []
    body = pattern.removeprefix("^").removesuffix("$")
    # Messages are split at hyphens ("nu-mi"), so patterns are too; within alternatives a hyphen is an error.
    split = [[token] if "|" in token else token.split("-") for token in body.split()]
    for part in itertools.chain.from_iterable(split):
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


def compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """One alternation, tried in the given order. Search it with `search`; no pattern matches nothing."""
    sources = [expression(pattern) for pattern in patterns]
    if not sources:
        return NEVER
    named = []
    for index, source in enumerate(sources):  # a group name may occur once in an expression
        named.append(source.replace("(?P<rest>", f"(?P<rest{index}>").replace("(?P<number>", f"(?P<number{index}>"))
    return re.compile("|".join(f"(?:{source})" for source in named))


def search(pattern: re.Pattern[str], folded: str) -> re.Match[str] | None:
    """First match in a folded clause."""
    return pattern.search(folded + " ")


def captured(match: re.Match[str], kind: str) -> tuple[int, int] | None:
    """Range of the `%` (`rest`) or `#` (`number`) capture of the pattern that matched."""
    for name, value in match.groupdict().items():
        if value is not None and name.startswith(kind):
            start, end = match.span(name)
            return start, end - (len(value) - len(value.rstrip()))
    return None
