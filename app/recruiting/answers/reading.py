"""All readers on one message: what it volunteers, and what it answers to the question that was asked."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from app.recruiting.answers import availability, closed, forms, licences, names, places, roles, tongues
from app.recruiting.answers.told import contact, told
from app.recruiting.clauses import says
from app.recruiting.messages import Kind
from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, part
from app.recruiting.said import READABLE, Found, Said, as_fact
from app.recruiting.text import Text, read
from app.recruiting.vacancy_questions import statement_of
from app.recruiting.volunteered import ANY_COUNTRY

CHOICE_PREFIX = "v1:intake:"
_UNSURE_WORDS = 2  # an answer said as a question: "Utrecht?"


class Reading(msgspec.Struct, kw_only=True):
    """Facts with their messages, and fields whose answer was too vague to keep ("soon", "anything")."""

    facts: list[Fact] = []
    vague: list[str] = []


def _own_words(said: Said, language: str) -> Text:
    """The message without clauses about health, belief and the like: those are not extracted."""
    text = read(said.text)
    kept = tuple(clause for clause in text.clauses if not says(clause, "sensitive", language))
    return text if len(kept) == len(text.clauses) else text.only(kept)


def _tapped(said: Said, zone: ZoneInfo) -> list[Found]:
    """A tapped button or row; ids are `v1:intake:<field>:<value>`. Old taps still mean their field."""
    field, _, value = said.choice_id.removeprefix(CHOICE_PREFIX).rpartition(":")
    if closed.asks_alone(field):
        answer = closed.tapped(field, value, said.text)
        return [answer] if answer is not None else []
    if field == Field.AVAILABILITY and value == "now":
        return [availability.at_once(said, zone)]
    if field == Field.AVAILABILITY and value == "month":
        return [availability.in_one_month(said, zone)]
    if field.startswith("level.") and value not in {"", "unsure"}:
        return [Found(field=f"{LEVELS}.{part(field)}", value={"level": value}, quote=said.text)]
    if field == Field.LICENCES and value not in {"", "other"}:
        return [Found(field=f"{Field.LICENCES}.{value}", value={"type": value}, quote=said.text)]
    return []


def volunteered(said: Said, language: str, zone: ZoneInfo) -> list[Found]:
    """What a message says without being asked; only what is certain."""
    text = _own_words(said, language)
    wished = text.asks and any(says(clause, "ask_for", language) for clause in text.clauses)
    # "Can we talk in Spanish?" wishes for a language of this chat; the question about languages is still asked.
    found: list[Found] = [] if wished else tongues.spoken(text, language, asked=False)
    found += licences.held(text, language, asked=False)
    single = (
        names.volunteered(text, language),
        places.shared(said) if said.kind is Kind.LOCATION else places.volunteered(text, language),
        roles.volunteered(text, language),
        availability.read_availability(said, text, language, zone, asked=False),
    )
    found += [one for one in single if one is not None]
    form = list(forms.labelled(said.text, language))
    return [*(one for one in found if one.field not in {line.field for line in form}), *form]


def _without(text: Text, found: list[Found], asked: str) -> Text:
    """The clauses that have not said something else: "next Monday" is no town."""
    taken = [one.quote for one in found if one.field != asked]
    kept = tuple(
        clause for clause in text.clauses if not any(quote in clause.quote(0, len(clause.folded)) for quote in taken)
    )
    return text.only(kept)


def _elsewhere(said: Said, text: Text, asked: str, language: str, zone: ZoneInfo) -> list[Found]:
    """What the message says beside an answer about name, role or town."""
    found = volunteered(said, language, zone)
    if asked == Field.NAME:  # "Domingo" and "April" are names too, and so is "Kok" behind another one
        return [one for one in found if one.field != Field.ROLE or not roles.may_be_surname(one, text, language)]
    day = availability.read_availability(said, text, language, zone, asked=True)
    return [*found, day] if day is not None else found


def answered(said: Said, asked: str, language: str, zone: ZoneInfo) -> list[Found]:
    """What a message answers to the open question."""
    if said.kind is Kind.CONTACTS:
        return []  # a card names somebody; it answers nothing
    text = _own_words(said, language)
    if closed.asks_alone(asked):
        return closed.answered(asked, text, language) if said.kind is not Kind.DOCUMENT else []
    if asked in {Field.NAME, Field.ROLE, Field.CITY}:
        if said.kind is Kind.DOCUMENT:
            return []  # a heading is no answer; what a file says of itself was read as volunteered
        elsewhere = _elsewhere(said, text, asked, language, zone)
        text = _without(text, elsewhere, asked)
    one: Found | None = None
    match asked:
        case Field.NAME:
            one = names.answered(text, language)
        case Field.CITY:
            one = places.shared(said) if said.kind is Kind.LOCATION else places.answered(text, language)
        case Field.ROLE:
            one = roles.anything(text, language) or roles.answered(text, language)
        case Field.AVAILABILITY:
            one = availability.read_availability(said, text, language, zone, asked=True)
        case Field.LANGUAGES:
            return tongues.spoken(text, language, asked=True)
        case Field.LICENCES:
            if found := licences.held(text, language, asked=True):
                return found
            one = licences.none_held(text, language)
        case _ if asked.startswith("level."):
            one = tongues.level_answered(text, language, part(asked))
    return [one] if one is not None else []


def _vague(said: Said, asked: str, language: str) -> bool:
    text = read(said.text)
    sections = ("soon", "unsure", "other") if asked == Field.AVAILABILITY else ("unsure",)
    return any(says(clause, section, language) for clause in text.clauses for section in sections)


def _wonders(said: Said, asked: str, language: str) -> bool:
    """A question or "don't know" names no one and no place; "Utrecht?" and dates with a question mark may."""
    text = read(said.text)
    if asked not in {Field.NAME, Field.ROLE, Field.CITY}:
        return False
    unsure = any(says(clause, section, language) for clause in text.clauses for section in ("soon", "unsure"))
    return unsure or (text.asks and len(text.words) > _UNSURE_WORDS)


def _statement(said: Said, asked: str, language: str) -> Said:
    """The answer beside a question that lists understand: "Utrecht. And what does it pay?"."""
    if asked not in {Field.NAME, Field.ROLE, Field.CITY}:
        return said
    return msgspec.structs.replace(said, text=statement_of(said.text, language))


def _small_talk(said: Said, language: str) -> bool:
    """Greetings, thanks, yes and no answer no open question."""
    whole = read(said.text).whole
    return any(says(whole, section, language) for section in ("greeting", "thanks", "yes", "no", "skip"))


def _stated(said: Said, language: str, zone: ZoneInfo, region: str) -> list[Found]:
    """What a message says whatever was asked."""
    if said.choice_id.startswith(CHOICE_PREFIX):
        return _tapped(said, zone)
    if said.kind is Kind.CONTACTS:
        return list(contact(said, language, region))
    if said.kind in READABLE or said.kind in {Kind.LOCATION, Kind.CHOICE}:
        return [*volunteered(said, language, zone), *told(said, language, region)]
    return []


def read_turn(
    messages: Sequence[Said],
    asked: str,
    language: str,
    zone: ZoneInfo,
    *,
    passed: frozenset[str] = frozenset(),
    region: str = "",
) -> Reading:
    """Facts of several messages in order; a later one wins its field.

    `passed` are ids of messages that are no answer (questions, requests): they may volunteer, never answer. `region`
    (ISO 3166) completes national phone numbers.
    """
    facts: dict[str, Fact] = {}
    vague: list[str] = []
    for said in messages:
        found = _stated(said, language, zone, region)
        facts |= {one.field: as_fact(one, said) for one in found}
    if asked and not any(fact.field == asked for fact in facts.values()):
        for said in messages:
            if said.choice_id.startswith(CHOICE_PREFIX) or said.message_id in passed or not said.text.strip():
                continue
            # "No" is an answer about licences; Dutch "nu" is "now", and no other word of small talk is a day.
            small = asked not in {Field.LICENCES, Field.AVAILABILITY} and not closed.is_closed(asked)
            if small and _small_talk(said, language):
                continue
            told_part = _statement(said, asked, language)
            found = [] if _wonders(told_part, asked, language) else answered(told_part, asked, language, zone)
            if found:
                facts = {f: one for f, one in facts.items() if not _said_again(one, said, asked)}
                facts |= {one.field: as_fact(one, said) for one in found}
                # "Anything with" may be the beginning of an answer that the next message ends.
                if asked not in {Field.LANGUAGES, Field.LICENCES} and not any("open" in one.value for one in found):
                    break
            elif _vague(said, asked, language):
                vague.append(asked)
    _drop_contradicting_none(facts)
    _drop_work_in_a_name(facts, messages)
    return Reading(facts=list(facts.values()), vague=sorted(set(vague)))


def _said_again(fact: Fact, said: Said, asked: str) -> bool:
    """ "I need a permit" without a country, in answer to the question about one."""
    general = f"right_to_work.{ANY_COUNTRY}"
    return fact.field == general and fact.message_id == said.message_id and kind(asked) == kind(general)


def _drop_contradicting_none(facts: dict[str, Fact]) -> None:
    none = f"{Field.LICENCES}.{NO_LICENCE}"
    if none in facts and any(f.startswith(f"{Field.LICENCES}.") and f != none for f in facts):
        del facts[none]


def _drop_work_in_a_name(facts: dict[str, Fact], messages: Sequence[Said]) -> None:
    """ "Anna Kok" is no cook; "Anna Kok, cook" is."""
    name, role = facts.get(Field.NAME), facts.get(Field.ROLE)
    if name is None or role is None or name.message_id != role.message_id:
        return
    text = next(said.text for said in messages if said.message_id == name.message_id)
    if role.quote in name.quote and role.quote.casefold() not in text.replace(name.quote, " ", 1).casefold():
        del facts[Field.ROLE]
