"""Questions that must-haves alone ask: about one thing, answered by yes or no, and two with answers in words.

A question is named by the path of its fact (`licences.CE`, `shifts.night`, `right_to_work.NL`); where the thing is in
an employer's own words, these stand in the path's place (`certificates.BIG register`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.recruiting.amounts import western_digits
from app.recruiting.answers import licences
from app.recruiting.answers.told_words import country, named, permit
from app.recruiting.clauses import says
from app.recruiting.lexicon import in_order, knowing
from app.recruiting.patterns import search
from app.recruiting.profile import LICENCES, OTHER_LICENCES, Field, kind, part
from app.recruiting.said import Found
from app.recruiting.stretches import stretches
from app.recruiting.text import Clause, Text
from app.recruiting.volunteered import CONTRACTS, SHIFTS, WORK_MODES, is_country, slug

YES, NO, UNSURE = "yes", "no", "unsure"  # endings of the buttons' ids
_SURE = 0.9
_LONGEST = 12  # words; a longer answer is a story, of which its first word is not the sum
_SHORT = 6  # words in which a negation says no to the whole
_I_HAVE = "am"  # Romanian, and no category AM where yes or no is asked
_OWN_WORDS: Final[Mapping[str, str]] = {"certificates": "name", "skills": "raw", "experience": "title_raw"}
_FAMILIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "shifts": ("shift", SHIFTS),
    "contract_preference": ("contract", CONTRACTS),
}
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    Field.LICENCES: frozenset({*LICENCES, *OTHER_LICENCES}),
    "shifts": frozenset(SHIFTS),
    "contract_preference": frozenset(CONTRACTS),
    "travel": frozenset({"own_transport"}),
    "references_available": frozenset({""}),
}


OPEN: Final = frozenset({"hours", "work_mode"})
_FIGURES: Final = re.compile(r"\D*(\d{1,2})(?:\D+(\d{1,2}))?\D*")


def is_closed(question: str) -> bool:
    """Yes or no answers it."""
    name, what = kind(question), part(question)
    if name == "right_to_work":
        return is_country(what)
    if name in _OWN_WORDS:
        return bool(slug(what)) and what == what.strip()
    return what in _KINDS.get(name, ())


def path_of(question: str) -> str:
    """Of the fact that a yes makes."""
    return f"{kind(question)}.{slug(part(question))}" if kind(question) in _OWN_WORDS else question


def asked_for(field: str) -> str:
    """The question whose answer a fact's path is; empty where the path does not tell it."""
    return field if is_closed(field) and kind(field) not in _OWN_WORDS else ""


def fact_of(question: str, quote: str, *, yes: bool, confidence: float = 1.0) -> Found | None:
    """What the answer says; a no to something in an employer's own words has no place in the profile."""
    name, what = kind(question), part(question)
    value: dict[str, Any]
    match name:
        case Field.LICENCES:
            value = {"type": what} | ({} if yes else {"held": False})
        case "shifts" | "contract_preference":
            value = {"kind": what} | ({} if yes else {"possible": False})
        case "travel":
            value = {what: yes}
        case "references_available":
            value = {"available": yes}
        case "right_to_work":
            value = {"status": YES if yes else NO, "country": what}
        case _ if yes:
            value = {_OWN_WORDS[name]: what}
        case _:
            return None
    return Found(field=path_of(question), value=value, quote=quote, confidence=confidence)


def tapped(question: str, value: str, title: str) -> Found | None:
    """A tapped button, whichever question is open now."""
    if question == "work_mode" and value in WORK_MODES:
        return Found(field=question, value={"mode": value}, quote=title)
    if value not in {YES, NO} or not is_closed(question):
        return None
    return fact_of(question, title, yes=value == YES)


def asks_alone(question: str) -> bool:
    """One of these questions: a short answer says something only beside it."""
    return question in OPEN or is_closed(question)


def answered(question: str, text: Text, language: str) -> list[Found]:
    """What typed words say to the question, and of licences also which others they name."""
    statement = _statement(text)
    if not statement.clauses:
        return []
    begin, end = statement.clauses[0].words[0].start, statement.clauses[-1].words[-1].end
    quote = text.original[begin:end]
    if question in OPEN:
        return list(_in_words(question, quote, statement, language))
    found: dict[str, Found] = {}
    if kind(question) == Field.LICENCES:
        held = licences.held(statement, language, asked=True)
        found = {one.field: one for one in held if one.quote != _I_HAVE}
    if kind(question) == "right_to_work" and (permitted := _permit(question, quote, language)) is not None:
        found[permitted.field] = permitted
    yes = yes_or_no(statement, language)
    # "Yes, days" does not say yes to nights.
    unclear = yes is None or (yes and _about_others(question, set(found), statement, language))
    if path_of(question) not in found and not unclear:
        one = fact_of(question, quote, yes=bool(yes), confidence=_SURE)
        found |= {one.field: one} if one is not None else {}
    return list(found.values())


def _in_words(question: str, quote: str, statement: Text, language: str) -> Iterator[Found]:
    if question == "work_mode":
        modes = [
            mode for one in stretches(quote) for mode, so in named(one, "mode", WORK_MODES, language).items() if so
        ]
        if len(set(modes)) == 1:
            yield Found(field=question, value={"mode": modes[0]}, quote=quote, confidence=_SURE)
    elif len(statement.words) <= _SHORT and (figures := _FIGURES.fullmatch(western_digits(quote))):
        low, high = int(figures[1]), int(figures[2] or figures[1])
        if 0 < low <= high:
            yield Found(field=question, value={"min": low, "max": high}, quote=quote, confidence=_SURE)


def _about_others(question: str, found: set[str], statement: Text, language: str) -> bool:
    """The answer names other licences, shifts or contracts, but not the one that was asked about."""
    name, what = kind(question), part(question)
    if name in _FAMILIES:
        family, kinds = _FAMILIES[name]
        said = [named(stretch, family, kinds, language) for stretch in stretches(statement.original)]
        return any(said) and not any(what in one for one in said)
    return name == Field.LICENCES and bool(found) and question not in found


def _permit(question: str, quote: str, language: str) -> Found | None:
    """ "I need a permit": the status in the candidate's words, unless these name another country."""
    for stretch in stretches(quote):
        if (status := permit(stretch, language)) and country(stretch) in {"", part(question)}:
            value: dict[str, object] = {"status": status, "country": part(question)}
            return Found(field=question, value=value, quote=quote, confidence=_SURE)
    return None


def _statement(text: Text) -> Text:
    """Without sentences that ask: "Yes. What is the pay?"."""
    return text.only(tuple(clause for clause in text.clauses if not clause.asks))


def yes_or_no(text: Text, language: str) -> bool | None:
    """None where it is neither, or both: "yes, but only at weekends"."""
    words = text.words
    if not words or len(words) > _LONGEST or any(says(one, "unsure", language) for one in text.clauses):
        return None
    whole = Clause(text.original, words)
    if any(says(clause, "no_objection", language) for clause in text.clauses):
        return True
    if (said := _said(whole.folded, language)) is not None:
        return said
    if any(says(clause, "but", language) for clause in text.clauses):
        return None
    return _begins(text, language)


def _begins(text: Text, language: str) -> bool | None:
    """By the first clause or word, if nothing after it takes a yes back; a short answer also by its negation."""
    negated = any(_negates(word.folded, language) for word in text.words)
    for place in (text.clauses[0].folded, text.words[0].folded):
        if (said := _said(place, language)) is not None:
            return None if said and negated else said
    weak = says(text.whole, "hedge", language)
    return False if negated and not weak and len(text.words) <= _SHORT else None


def _said(place: str, language: str) -> bool | None:
    """Yes or no in folded words, as the conversation's language says it, else as another does."""
    for lexicon in in_order(language):
        for section, so in (("yes", True), ("affirm", True), ("no", False), ("none", False)):
            if search(lexicon.patterns[section], place):
                return so
    return None


def _negates(word: str, language: str) -> bool:
    return any(search(lexicon.patterns["negation"], word) for lexicon in knowing("negation", word, language))
