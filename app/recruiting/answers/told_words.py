"""What one stretch of a message names: shifts, hours, sums, permits. Whether it is a wish is for others to judge."""

import functools
import itertools
import re
from collections.abc import Sequence

import msgspec
from babel import Locale

from app.recruiting.amounts import find_amounts
from app.recruiting.clauses import denied, negation
from app.recruiting.lexicon import LANGUAGES, in_order, knowing
from app.recruiting.patterns import search
from app.recruiting.stretches import Stretch
from app.recruiting.text import fold

_VAGUE = frozenset(fold(word) for word in ("few", "couple", "paar", "par", "kilka", "parę", "câteva", "пару", "кілька"))
_BETWEEN = (
    "to",
    "tot",
    "bis",
    "do",
    "a",
    "hasta",
    "la",
    "до",
    "إلى",
    "or",
    "of",
    "oder",
    "lub",
    "o",
    "sau",
    "або",
    "أو",
)
_UNTIL = "|".join(map(fold, _BETWEEN))
_ENDS_IN_RANGE = re.compile(rf"(?:(?<![^ ])(\d{{1,2}}) (?:(?:{_UNTIL}) )?)?(?<![^ ])(\d{{1,2}}) (?:de )?$")
_MINUTES = {"minutes": 1, "hour_unit": 60}
_EU = frozenset(
    fold(name) for name in ("EU", "UE", "ЄС", "Europe", "Europa", "Європа", "Європі", "أوروبا", "اوروبا", "الأوروبي")
)
_COLLOQUIAL = {
    "holland": "NL", "holandia": "NL", "holandii": "NL", "holanda": "NL", "olanda": "NL", "голландія": "NL",
    "голландії": "NL", "هولندا": "NL", "england": "GB", "uk": "GB", "usa": "US",
}  # fmt: skip
_STEM, _ENDING = 5, 3  # letters: "Niemcy", "w Niemczech"


def span(stretch: Stretch, section: str, language: str) -> tuple[int, int] | None:
    """Where a section stands in the folded stretch, the own language's words first."""
    folded = stretch.clause.folded
    for words in knowing(section, folded, language):
        if match := search(words.patterns[section], folded):
            return match.start(), match.end() - 1
    return None


def negates(stretch: Stretch, language: str) -> bool:
    """A negation of any language stands somewhere in it."""
    return any(negation(word, language) for word in stretch.clause.folded.split())


def named(stretch: Stretch, family: str, kinds: Sequence[str], language: str) -> dict[str, bool]:
    """Which sections `<family>_<kind>` are named, and whether each is so (true) or said not to be.

    A negation that reaches further than rules see leaves the kind out: the opposite would be the worst to store.
    """
    spans = {kind: found for kind in kinds if (found := span(stretch, f"{family}_{kind}", language))}
    if not spans:
        return {}
    if stretch.says("no_objection", language):  # "I don't mind nights"
        return dict.fromkeys(spans, True)
    ordered = sorted(spans, key=lambda kind: spans[kind])
    refused = dict(zip(ordered, denied(stretch.clause, [spans[kind] for kind in ordered], language), strict=True))
    if not negates(stretch, language):
        return dict.fromkeys(spans, True)
    if stretch.says("but", language):  # "days, but no nights": each has its own word
        return _so(refused) if any(refused.values()) else {}
    head = stretch.clause.folded[: spans[ordered[0]][0]].split()
    leads = any(negation(word, language) for word in head)
    weak = stretch.says("hedge", language)
    if leads and not weak:  # "I can not any more work in the night shift"
        return dict.fromkeys(spans, False)
    return _so({kind: no for kind, no in refused.items() if no})


def _so(refused: dict[str, bool]) -> dict[str, bool]:
    return {kind: not no for kind, no in refused.items()}


def is_so(stretch: Stretch, section: str, language: str) -> bool:
    """The section is named, and nothing near or far negates."""
    return stretch.says(section, language) and not negates(stretch, language)


def week_hours(stretch: Stretch, language: str) -> tuple[int | None, int | None] | None:
    """Least and most hours a week; the same twice when one figure is said."""
    for words in knowing("hours_week", stretch.clause.folded, language):
        for match in words.patterns["hours_week"].finditer(stretch.clause.folded + " "):
            if figures := _ENDS_IN_RANGE.search(stretch.clause.folded[: match.start()]):
                low, high = figures[1], int(figures[2])
                if low is not None:
                    return int(low), high
                if any(word.isdigit() for word in stretch.clause.folded[: figures.start()].split()[-2:]):
                    return None  # two figures, and no word that rules know between them
                least, most = stretch.says("at_least", language), stretch.says("at_most", language)
                return (None if most and not least else high), (None if least and not most else high)
    return None


def duration(stretch: Stretch, language: str) -> str | None:
    """ISO 8601 of the one span of days, weeks or months that is named."""
    words = stretch.clause.folded.split()
    found = set()
    for lexicon in in_order(language):
        duals = [lexicon.duals[word] for word in words if word in lexicon.duals]
        found |= {f"P{number}{unit[0].upper()}" for number, unit in duals}
        for figure, unit in itertools.pairwise(words):
            count = int(figure) if figure.isascii() and figure.isdigit() else lexicon.numbers.get(figure, 0)
            letter = next((name[0].upper() for name in ("day", "week", "month") if unit in lexicon.dates[name]), "")
            if count and letter and figure not in _VAGUE:
                found.add(f"P{count}{letter}")
    return next(iter(found)) if len(found) == 1 else None


def travel_minutes(stretch: Stretch, language: str) -> int | None:
    """The figure beside a word for minutes or hours."""
    folded = stretch.clause.folded + " "
    for lexicon in in_order(language):
        for section, minutes in _MINUTES.items():
            for match in lexicon.patterns[section].finditer(folded):
                number = folded[: match.start()].split()[-1:]
                if number and number[0].isascii() and number[0].isdigit():
                    return int(number[0]) * minutes
    return None


class Pay(msgspec.Struct, frozen=True):
    """A sum, or both ends of a range."""

    low: float
    high: float | None
    currency: str
    period: str
    gross_net: str


def pay(stretch: Stretch, language: str) -> Pay | None:
    """One sum or one range of one currency and period; more than that is no statement."""
    sums = find_amounts(stretch.text)
    currencies, periods = ({getattr(one, name) for one in sums} - {""} for name in ("currency", "period"))
    values = [float(one.value) for one in sums]
    if not sums or len(sums) > 2 or len(currencies) > 1 or len(periods) > 1 or values != sorted(set(values)):
        return None
    return Pay(
        low=values[0],
        high=values[1] if len(values) > 1 else None,
        currency=next(iter(currencies), ""),
        period=next(iter(periods), ""),
        gross_net=gross_net(stretch, language),
    )


def gross_net(stretch: Stretch, language: str) -> str:
    """`gross` or `net` if exactly one of them is said."""
    said = [name for name in ("gross", "net") if stretch.says(name, language)]
    return said[0] if len(said) == 1 else ""


def permit(stretch: Stretch, language: str) -> str | None:
    """`yes`, `no` or `needs_permit` where it is plain; a negation that no section knows leaves it open."""
    if stretch.says("permit_unneeded", language):
        return "yes"
    if stretch.says("permit_no", language):
        return "no"
    if negates(stretch, language):
        return None
    if stretch.says("permit_needs", language):
        return "needs_permit"
    return "yes" if stretch.says("permit_yes", language) else None


def country(stretch: Stretch) -> str:
    """The one country that is named, also inflected; `EU` for Europe's union; empty for none or several."""
    words = stretch.clause.folded.split()
    if _EU & set(words):
        return "EU"
    found = {_COLLOQUIAL[word] for word in words if word in _COLLOQUIAL}
    text = f" {' '.join(words)} "
    found |= {code for name, code in _territories().items() if f" {name} " in text}
    if not found:
        found = {code for name, code in _territories().items() for word in words if _inflected(name, word)}
    return next(iter(found)) if len(found) == 1 else ""


def _inflected(name: str, word: str) -> bool:
    shared = next((i for i, (a, b) in enumerate(zip(name, word, strict=False)) if a != b), min(len(name), len(word)))
    return shared >= _STEM and max(len(name), len(word)) - shared <= _ENDING


@functools.cache
def _territories() -> dict[str, str]:
    """Folded names of countries; short ones are left out, since they are words of some language too."""
    return {
        folded: code
        for language in LANGUAGES
        for code, name in Locale(language).territories.items()
        if code.isalpha() and len(code) == 2 and len(folded := " ".join(map(fold, name.split()))) >= _STEM
    }
