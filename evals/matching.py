"""Whether the record holds what a dialogue expects: facts and expectations as comparable items, per kind of field."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, part
from app.recruiting.text import read
from evals.dialogues import Expectation

FIELDS = (*Field, LEVELS)  # always in the tables; further kinds where a dialogue has them


class Count(msgspec.Struct, kw_only=True):
    """True positives, false positives, false negatives of one field."""

    right: int = 0
    wrong: int = 0
    missing: int = 0

    @property
    def precision(self) -> float:
        """1.0 when nothing was found: nothing false was said."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """1.0 when nothing was expected."""
        return self.right / (self.right + self.missing) if self.right + self.missing else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def add(self, other: "Count") -> None:
        """Sum up."""
        self.right += other.right
        self.wrong += other.wrong
        self.missing += other.missing


class Found(msgspec.Struct, frozen=True):
    """One item of the record: `forms` are the texts that it answers to, `shown` is what a report prints."""

    shown: str
    forms: frozenset[str]


class Wanted(msgspec.Struct, frozen=True):
    """One item that must be found: any of the alternatives, each a set of forms that must all be there."""

    shown: str
    alternatives: tuple[frozenset[str], ...]

    def is_met(self, found: Found) -> bool:
        """One alternative is there wholly."""
        return any(forms <= found.forms for forms in self.alternatives)


def folded(text: str) -> str:
    """Words alone, without case and accents."""
    return " ".join(word.folded for word in read(text).words)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else folded(str(value))


def _one(text: str) -> Found:
    return Found(text, frozenset({text}))


def found_items(facts: Iterable[Fact]) -> dict[str, list[Found]]:
    """Items by kind of field: one for simple fields, several for languages, levels, licences and lists."""
    items: dict[str, list[Found]] = {}
    for fact in facts:
        value = fact.value
        match kind(fact.field):
            case Field.NAME:
                new = [_one(folded(value["display"]))]
            case Field.ROLE:
                new = [_one(folded(value["title"]))]
            case Field.CITY:
                new = [_one(folded(value["city"]))]
            case Field.AVAILABILITY:
                new = [_one(value["from"])]
            case Field.LANGUAGES | Field.LICENCES:
                new = [_one(part(fact.field) if value.get("held", True) else f"no {part(fact.field)}")]
            case _ if kind(fact.field) == LEVELS:
                new = [_one(f"{part(fact.field)} {value['level']}")]
            case _:
                new = _further(fact)
        items.setdefault(kind(fact.field), []).extend(new)
    return items


def _further(fact: Fact) -> list[Found]:
    """Any other field: an item for each element of a list, else one that answers to all its parts."""
    lists = [value for value in fact.value.values() if isinstance(value, list)]
    if len(fact.value) == 1 and lists:
        return [_one(_text(element)) for element in lists[0]]
    forms = {_text(value) for value in fact.value.values()} | {f"{k}={_text(v)}" for k, v in fact.value.items()}
    if part(fact.field):
        forms.add(_text(part(fact.field)))
    shown = ", ".join([*([part(fact.field)] if part(fact.field) else []), *(f"{k}={v}" for k, v in fact.value.items())])
    return [Found(shown, frozenset(forms))]


def wanted_items(expect: Expectation) -> dict[str, list[Wanted]]:
    """Per kind of field the items that must be found."""
    wanted: dict[str, list[Wanted]] = {}
    for field, forms in ((Field.NAME, expect.name), (Field.ROLE, expect.role), (Field.CITY, expect.city)):
        if forms is not None:
            wanted[field] = [_any_of([folded(form) for form in forms])]
    if expect.availability is not None:
        wanted[Field.AVAILABILITY] = [_any_of([expect.availability])]
    if expect.languages is not None:
        wanted[Field.LANGUAGES] = [_any_of([code]) for code in expect.languages]
        wanted[LEVELS] = [_any_of([f"{code} {level}"]) for code, level in expect.languages.items() if level]
    if expect.licences is not None:
        wanted[Field.LICENCES] = [_any_of([type_]) for type_ in expect.licences or [NO_LICENCE]]
    for path, value in expect.facts.items():
        wanted[path] = [_item(one) for one in (value if isinstance(value, list) else [value])]
    return wanted


def _any_of(forms: list[str]) -> Wanted:
    return Wanted(" or ".join(forms), tuple(frozenset({form}) for form in forms))


def _item(value: Any) -> Wanted:
    if isinstance(value, Mapping):
        forms = frozenset(f"{key}={_text(each)}" for key, each in value.items())
        return Wanted(", ".join(sorted(forms)), (forms,))
    return _any_of([_text(value)])


def counts(facts: Iterable[Fact], expect: Expectation) -> dict[str, Count]:
    """Right, wrong and missing items by kind of field."""
    found, wanted = found_items(facts), wanted_items(expect)
    counted = {}
    for field in dict.fromkeys([*map(str, FIELDS), *map(str, wanted), *map(str, found)]):
        rest, count = list(found.get(field, [])), Count()
        for item in wanted.get(field, []):
            hit = next((one for one in rest if item.is_met(one)), None)
            if hit is None:
                count.missing += 1
            else:
                count.right += 1
                rest.remove(hit)
        count.wrong = len(rest)
        counted[field] = count
    return counted


def is_expected(fact: Fact, expect: Expectation) -> bool:
    """The fact is one that the dialogue wants."""
    wanted = wanted_items(expect).get(kind(fact.field), [])
    return all(any(item.is_met(one) for item in wanted) for one in found_items([fact]).get(kind(fact.field), []))
