"""Whether a typed value follows from the words it rests on. `evidence.occurs` proves the words, this proves the value.

Three answers, because rules must not guess: FOLLOWS may be stored, CONTRADICTS may not, and UNDECIDED may not either:
if the intake asks for the field, it is asked once more. Nothing here reads a clock: relative days are resolved against
the message's own time.
"""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from app.recruiting import evidence_told
from app.recruiting.answers import availability, dates, licences, places, tongues
from app.recruiting.answers.closed import answered as closed_answer
from app.recruiting.answers.closed import asks_alone, path_of
from app.recruiting.answers.reading import CHOICE_PREFIX, read_turn
from app.recruiting.evidence import occurs
from app.recruiting.evidence_support import Support, Words, words_follow
from app.recruiting.language_names import mentioned, misspelt
from app.recruiting.lexicon import in_order
from app.recruiting.messages import Kind
from app.recruiting.patterns import search
from app.recruiting.profile import LEVELS, NO_LICENCE, VALUES, Fact, Field, is_valid, kind, part
from app.recruiting.said import Said
from app.recruiting.text import read

__all__ = ["CHECKS", "UNDECIDED", "Support", "follows", "rejection"]

_COORDINATE = 0.011  # degrees: profiles keep two decimals
UNDECIDED = "undecided"  # the reason whose field is asked about once more
_REASONS = {Support.FOLLOWS: "", Support.CONTRADICTS: "value_unsupported", Support.UNDECIDED: UNDECIDED}


def rejection(
    fact: Fact, said: Said | None, language: str, zone: ZoneInfo, *, region: str = "", asked: str = ""
) -> str:
    """Why a proposed fact is not stored: a word for the count; empty when it may be.

    `asked`: the question that was open when the message came; a bare yes or no says something only beside it.
    """
    if kind(fact.field) not in VALUES:
        return "forbidden_field"
    if not is_valid(fact):
        return "malformed"
    if said is None or not occurs(fact.quote, said.text):
        return "no_evidence"
    if evidence_told.is_sensitive(fact, said, language):
        return "forbidden_field"
    return _REASONS[follows(fact, said, language, zone, region=region, asked=asked)]


def follows(fact: Fact, said: Said, language: str, zone: ZoneInfo, *, region: str = "", asked: str = "") -> Support:
    """Whether `fact.value` follows from `fact.quote`, said in that message. Fields without a rule are UNDECIDED."""
    if said.choice_id.startswith(CHOICE_PREFIX):
        tapped = {found.field: found.value for found in read_turn([said], "", language, zone).facts}
        return _matches(fact.value, tapped.get(fact.field))
    if asks_alone(asked) and fact.field == path_of(asked) and said.kind is not Kind.DOCUMENT:
        answers = {one.field: one.value for one in closed_answer(asked, read(fact.quote), language)}
        if fact.field in answers:
            return _matches(fact.value, answers[fact.field])
    check = CHECKS.get(kind(fact.field))
    if check is None:
        return Support.UNDECIDED
    return check(fact, Words(fact.quote, said, language, zone, region))


def _matches(value: object, found: object) -> Support:
    if found is None:
        return Support.UNDECIDED
    return Support.FOLLOWS if value == found else Support.CONTRADICTS


def _name(fact: Fact, words: Words) -> Support:
    return words_follow(str(fact.value.get("display", "")), words.quote)


def _role(fact: Fact, words: Words) -> Support:
    return words_follow(str(fact.value.get("title", "")), words.quote, inflects=True)


def _city(fact: Fact, words: Words) -> Support:
    """Coordinates come from a shared place only; where somebody was born is not where they live."""
    place = words.said.location
    for axis in ("latitude", "longitude"):
        given = fact.value.get(axis)
        if given is not None and (place is None or abs(float(given) - getattr(place, axis)) > _COORDINATE):
            return Support.CONTRADICTS
    town = str(fact.value.get("city", ""))
    if places.birthplace(read(words.said.text), town, words.language):
        return Support.CONTRADICTS
    return words_follow(town, words.quote, inflects=True)


def _availability(fact: Fact, words: Words) -> Support:
    """A calendar word of the quote makes the day; "now" makes the day of the message."""
    today = availability.written_on(words.said, words.zone)
    clauses = read(words.quote).clauses
    days = {found.day for found in dates.find_dates(clauses, today, words.language)}
    at_once = any(
        search(lexicon.patterns["date_now"], clause.folded)
        for lexicon in in_order(words.language)
        for clause in clauses
    )
    if at_once and not days:
        days = {today}
    wanted, immediate = str(fact.value.get("from", "")), bool(fact.value.get("immediate"))
    if immediate and wanted != today.isoformat():
        return Support.CONTRADICTS
    if not days:
        return Support.UNDECIDED
    if wanted not in {day.isoformat() for day in days}:
        return Support.CONTRADICTS
    return Support.UNDECIDED if immediate and not at_once else Support.FOLLOWS


def _language(fact: Fact, words: Words) -> Support:
    code = part(fact.field)
    if fact.value.get("language") != code or code in tongues.denied_codes(read(words.said.text), words.language):
        return Support.CONTRADICTS
    quote = read(words.quote)
    named = {name[3] for name in mentioned(quote)}
    if code in named or (not named and code in {misspelt(word.folded) for word in quote.words}):
        return Support.FOLLOWS
    return Support.CONTRADICTS if named else Support.UNDECIDED


def _level(fact: Fact, words: Words) -> Support:
    """A scale word beside the language, or alone. Praise ("fluent") is no level: the list is asked (product §1b)."""
    code, text = part(fact.field), read(words.quote)
    levels = {found.field: found.value for found in tongues.spoken(text, words.language, asked=True)}
    if (beside := levels.get(fact.field)) is not None:
        return _matches(fact.value, beside)
    if any(kind(field) == LEVELS for field in levels):
        return Support.CONTRADICTS  # a level, but of another language
    alone = tongues.level_answered(text, words.language, code)
    return _matches(fact.value, alone.value if alone else None)


def _licence(fact: Fact, words: Words) -> Support:
    type_, text = part(fact.field), read(words.quote)
    if fact.value.get("type") != type_:
        return Support.CONTRADICTS
    if fact.value.get("held") is False:
        return Support.UNDECIDED  # said only in answer to the question about this one (`follows`)
    named = {part(found.field) for found in licences.held(text, words.language, asked=True)}
    if type_ == NO_LICENCE:
        if named:
            return Support.CONTRADICTS
        return Support.FOLLOWS if licences.none_held(text, words.language) else Support.UNDECIDED
    if type_ in named:
        return Support.FOLLOWS
    return Support.CONTRADICTS if named or licences.none_held(text, words.language) else Support.UNDECIDED


Check = Callable[[Fact, Words], Support]
CHECKS: Mapping[str, Check] = {
    Field.NAME: _name,
    Field.ROLE: _role,
    Field.CITY: _city,
    Field.AVAILABILITY: _availability,
    Field.LANGUAGES: _language,
    LEVELS: _level,
    Field.LICENCES: _licence,
    **evidence_told.CHECKS,
}
