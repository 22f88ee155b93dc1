"""What a message tells without being asked: read only where it is plain whose it is and that it is wished for.

Silence is no loss here, for nothing of it is asked; a wrong fact is. So: no words about others, none about the past,
no questions, nothing about health, and of files only what stands in their head.
"""

import re
from collections.abc import Iterator, Mapping

import phonenumbers

from app.recruiting.amounts import western_digits
from app.recruiting.answers.told_words import (
    country,
    duration,
    is_so,
    named,
    negates,
    pay,
    permit,
    travel_minutes,
    week_hours,
)
from app.recruiting.messages import Kind
from app.recruiting.said import Found, Said
from app.recruiting.stretches import Stretch, before, stretches
from app.recruiting.text import read
from app.recruiting.volunteered import ANY_COUNTRY, CONTRACTS, SHIFTS, TRAVEL_MODES, WORK_MODES, is_email

_ALONE = 4  # words: "no night shifts" wishes by itself
_BESIDE = 3  # words beside a number or address that is the whole message
_SURE = 0.9
_MAIL = re.compile(r"[^\s@<>(),;:\"']+@[^\s@<>(),;:\"']+\.\w{2,}")


def told(said: Said, language: str, region: str = "") -> list[Found]:
    """Facts of one message. `region` (ISO 3166) completes national phone numbers."""
    found: dict[str, Found] = {}
    parts = stretches(said.text) if said.kind is not Kind.DOCUMENT else ()
    if not read(said.text).asks:
        for part in parts:
            if not part.says("others", language) and not part.says("sensitive", language):
                found |= {one.field: one for one in _of(said.text, part, language)}
    return [*found.values(), *contact(said, language, region)]


def _of(text: str, part: Stretch, language: str) -> Iterator[Found]:
    yield from _pay(text, part, language)
    yield from _permit(part, language)
    notice = duration(part, language) if part.says("notice_period", language) else None
    if notice:
        yield _found("notice_period", {"duration": notice}, part)
    for section, available in (("references_no", False), ("references_yes", True)):
        if part.says(section, language):
            yield _found("references_available", {"available": available}, part)
            break
    if part.says("past", language):
        return
    yield from _travel(part, language)
    wished = part.says("wish", language) or len(part.clause.words) <= _ALONE
    if wished or part.says("can", language) or part.says("no_objection", language):
        yield from _work(part, language, wished=wished)


def _work(part: Stretch, language: str, *, wished: bool) -> Iterator[Found]:
    """Shifts, hours, kind of contract and place of work, in words of wish or ability."""
    for kind, so in named(part, "shift", SHIFTS, language).items():
        yield _found(f"shifts.{kind}", {"kind": kind} | ({} if so else {"possible": False}), part)
    hours = week_hours(part, language) if not negates(part, language) else None
    if hours is not None:
        ends = {name: end for name, end in zip(("min", "max"), hours, strict=True) if end is not None}
        yield _found("hours", ends, part)
    modes = [mode for mode, so in named(part, "mode", WORK_MODES, language).items() if so]
    if len(modes) == 1:
        yield _found("work_mode", {"mode": modes[0]}, part)
    if wished:
        for kind, so in named(part, "contract", CONTRACTS, language).items():
            if so:
                yield _found(f"contract_preference.{kind}", {"kind": kind}, part)


def _travel(part: Stretch, language: str) -> Iterator[Found]:
    if part.says("no_transport", language):
        yield _found("travel.own_transport", {"own_transport": False}, part)
    elif is_so(part, "own_transport", language):
        yield _found("travel.own_transport", {"own_transport": True}, part)
    if part.says("travel_time", language) and part.says("at_most", language):
        minutes = travel_minutes(part, language)
        if minutes is not None:
            yield _found("travel.max_minutes", {"max_minutes": minutes}, part)
    if part.says("travel_time", language) or part.says("can", language):
        for mode, so in named(part, "by", TRAVEL_MODES, language).items():
            if so:
                yield _found(f"travel.{mode}", {"mode": mode}, part)


def _pay(text: str, part: Stretch, language: str) -> Iterator[Found]:
    """Only what is wished for; one word about what was earned, and nothing is read."""
    sums = pay(part, language)
    lead = before(text, part)
    context = [part] if part.says("pay_wish", language) or lead is None else [lead, part]
    if sums is None or any(one.says("pay_past", language) for one in context):
        return
    if not any(one.says("pay_wish", language) for one in context):
        return
    only_most = sums.high is None and part.says("at_most", language) and not part.says("at_least", language)
    value: dict[str, object] = {"max": sums.low} if only_most else {"min": sums.low}
    value |= {"max": sums.high} if sums.high is not None else {}
    value |= {key: given for key in ("currency", "period", "gross_net") if (given := getattr(sums, key))}
    yield _found("salary_expectation", value, part)


def _permit(part: Stretch, language: str) -> Iterator[Found]:
    status = permit(part, language)
    if status is not None:
        where = country(part)
        value = {"status": status} | ({"country": where} if where else {})
        yield _found(f"right_to_work.{where or ANY_COUNTRY}", value, part)


def contact(said: Said, language: str, region: str = "") -> Iterator[Found]:
    """Phone and e-mail: of a file, if it holds just one; of a chat, if it is called one's own or stands alone."""
    phones = _phones(said.text, region)
    mails = {match.rstrip(".").casefold(): match.rstrip(".") for match in _MAIL.findall(said.text)}
    own = {quote for quote in (*phones.values(), *mails.values()) if _is_own(said, quote, language)}
    if len(phones) == 1:
        for e164, quote in phones.items():
            if quote in own:
                yield Found(field="phone", value={"e164": e164}, quote=quote, confidence=_SURE)
    if len(mails) == 1:
        for quote in mails.values():
            if quote in own and is_email(quote):
                yield Found(field="email", value={"address": quote}, quote=quote, confidence=_SURE)


def _phones(text: str, region: str) -> dict[str, str]:
    """Valid numbers in E.164, each as it is written."""
    found = phonenumbers.PhoneNumberMatcher(western_digits(text), region or None)
    return {
        phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164): text[match.start : match.end]
        for match in found
        if phonenumbers.is_valid_number(match.number)
    }


def _is_own(said: Said, quote: str, language: str) -> bool:
    if said.kind in {Kind.DOCUMENT, Kind.CONTACTS}:
        return True  # the head of a CV; a card that is the candidate's own (`said.own_card`)
    rest = read(said.text.replace(quote, " "))
    parts = stretches(said.text)
    if any(part.says("others", language) for part in parts):
        return False
    return len(rest.words) <= _BESIDE or any(part.says("my_contact", language) for part in parts)


def _found(field: str, value: Mapping[str, object], part: Stretch) -> Found:
    return Found(field=field, value=dict(value), quote=part.text.strip(), confidence=_SURE)
