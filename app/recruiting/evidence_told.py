"""Whether what was told without being asked follows from its words, and what of it must be left out.

The stretch around the quote counts too: "my wife's", "I used to" and words about health stand beside the figure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from app.recruiting.answers.calendar_words import names
from app.recruiting.answers.told_words import (
    country,
    duration,
    gross_net,
    is_so,
    named,
    permit,
    travel_minutes,
    week_hours,
)
from app.recruiting.evidence_contact import email_follows, pay_follows, phone_follows
from app.recruiting.evidence_support import Support, Words, words_follow
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import Fact, kind, part
from app.recruiting.said import Said
from app.recruiting.stretches import Stretch, around, before
from app.recruiting.text import fold, read
from app.recruiting.volunteered import (
    ANY_COUNTRY,
    CONTRACTS,
    FREE_TEXT,
    SHIFTS,
    TRAVEL_MODES,
    VALUES,
    WORK_MODES,
    is_partial_date,
    slug,
)

_FOLLOWS, _CONTRADICTS, _UNDECIDED = Support.FOLLOWS, Support.CONTRADICTS, Support.UNDECIDED
_DAYS = {"D": 1, "W": 7}
# European Qualifications Framework: degrees whose names are much the same everywhere.
_DEGREES: Final = (
    (8, ("phd", "doctor", "doctorat", "doctorado", "доктор", "دكتوراه")),
    (7, ("master", "magister", "maestria", "магистр", "магістр", "ماجستير")),
    (6, ("bachelor", "licencjat", "licenciatura", "бакалавр", "بكالوريوس")),
)


def is_sensitive(fact: Fact, said: Said, language: str) -> bool:
    """Something told stands beside words about health, belief, union and the like, or holds them."""
    if kind(fact.field) not in VALUES:
        return False
    texts = [fact.quote, *(str(value) for value in fact.value.values())]
    own = [Stretch(text, 0, len(text)) for text in texts]
    return any(stretch.says("sensitive", language) for stretch in (*own, *around(said.text, fact.quote)))


def provable(fact: Fact, said: Said, language: str) -> Fact:
    """The fact without those of its details that the quote does not give: an employer, a month, gross or net."""
    if kind(fact.field) not in VALUES:
        return fact
    value, quote = dict(fact.value), _whole(fact.quote)
    if value.get("employer") and words_follow(str(value["employer"]), fact.quote) is not _FOLLOWS:
        del value["employer"]
    for name in ("start", "end", "valid_until", "year"):
        if value.get(name):
            said_date = _said_date(str(value[name]), fact.quote, language)
            value |= {name: int(said_date) if name == "year" and said_date.isdigit() else said_date}
    if value.get("current") and not quote.says("until_now", language):
        del value["current"]
    if value.get("level") and value["level"] != _degree(fact.quote):
        del value["level"]
    if value.get("gross_net") and value["gross_net"] != gross_net(quote, language):
        del value["gross_net"]
    if value.get("country") and value["country"] not in {country(one) for one in around(said.text, fact.quote)}:
        del value["country"]
    value = {name: given for name, given in value.items() if given not in ("", None)}
    return msgspec.structs.replace(fact, value=value, field=_path(fact.field, value))


def _path(field: str, value: Mapping[str, Any]) -> str:
    if kind(field) == "experience":
        return f"experience.{slug(str(value.get('title_raw', '')), str(value.get('employer', '')))}"
    if kind(field) == "right_to_work":
        return f"right_to_work.{value.get('country', ANY_COUNTRY)}"
    return field


def _degree(quote: str) -> int | None:
    words = [word.folded for word in read(quote).words]
    return next((n for n, stems in _DEGREES if any(w.startswith(fold(s)) for s in stems for w in words)), None)


def _said_date(date: str, quote: str, language: str) -> str:
    """As much of YYYY-MM-DD as the quote says: the year by its digits, the month by its name or beside the year."""
    if not is_partial_date(date):
        return date  # refused as malformed
    year, _, rest = date.partition("-")
    if not re.search(rf"(?<!\d){year}(?!\d)", _western(quote)):
        return ""
    month = rest.partition("-")[0]
    if not month:
        return year
    written = rf"(?<!\d)0?{int(month)}\s?[./-]\s?{year}|(?<!\d){year}\s?[./-]\s?0?{int(month)}(?!\d)"
    folded = _whole(quote).clause.folded
    codes = (language, *LANGUAGES) if language in LANGUAGES else LANGUAGES
    by_name = any(pattern.search(folded) for code in codes for pattern, n in names(code, "months") if n == int(month))
    return f"{year}-{month}" if by_name or re.search(written, _western(quote)) else year


def _western(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def _whole(quote: str) -> Stretch:
    return Stretch(quote, 0, len(quote))


def _ours(words: Words, *, past: bool = False) -> bool:
    """Nothing around the quote speaks of somebody else (or of former times); a file's lines speak of its owner."""
    if words.said.source == "cv":
        return True
    near = around(words.said.text, words.quote)
    sections = ("others", "past") if past else ("others",)
    return not any(one.says(section, words.language) for one in near for section in sections)


def _matches(value: object, found: object) -> Support:
    if found is None:
        return _UNDECIDED
    return _FOLLOWS if value == found else _CONTRADICTS


def _pay(fact: Fact, words: Words) -> Support:
    """A wish, never an income: words about earning beside the sum contradict, without words of a wish it is open."""
    language, quote = words.language, _whole(words.quote)
    support = pay_follows(fact.value, words.quote, language)
    if support is _CONTRADICTS or quote.says("pay_past", language):
        return _CONTRADICTS
    near = around(words.said.text, words.quote)
    lead = before(words.said.text, near[0]) if near else None
    if not quote.says("pay_wish", language):
        if any(one.says("pay_past", language) for one in near):
            return _CONTRADICTS
        if not any(one.says("pay_wish", language) for one in (*near, *([lead] if lead else []))):
            return _UNDECIDED
    if not _ours(words):
        return _UNDECIDED
    said = gross_net(quote, language)
    if fact.value.get("gross_net") and fact.value["gross_net"] != said:
        return _CONTRADICTS if said else _UNDECIDED
    return support


def _shift(fact: Fact, words: Words) -> Support:
    found = named(_whole(words.quote), "shift", SHIFTS, words.language)
    so = found.get(part(fact.field))
    if so is None or not _ours(words, past=True):
        return _UNDECIDED
    return _FOLLOWS if so is fact.value.get("possible", True) else _CONTRADICTS


def _among(family: str, kinds: tuple[str, ...], key: str) -> "Check":
    def check(fact: Fact, words: Words) -> Support:
        so = named(_whole(words.quote), family, kinds, words.language).get(str(fact.value.get(key)))
        if so is None or not _ours(words, past=True):
            return _UNDECIDED
        return _FOLLOWS if so is fact.value.get("possible", True) else _CONTRADICTS

    return check


def _hours(fact: Fact, words: Words) -> Support:
    found = week_hours(_whole(words.quote), words.language)
    if found is None or not _ours(words, past=True):
        return _UNDECIDED
    ends = {name: end for name, end in zip(("min", "max"), found, strict=True) if end is not None}
    return _matches({name: end for name, end in fact.value.items() if end is not None}, ends)


def _notice(fact: Fact, words: Words) -> Support:
    """The span in the quote; that it is one of notice may stand beside it, and is the reader's word."""
    found = duration(_whole(words.quote), words.language)
    if not _ours(words):
        return _UNDECIDED
    return _matches(_days(str(fact.value.get("duration", ""))), _days(found) if found else None)


def _days(iso: str) -> str:
    number, unit = iso[1:-1], iso[-1:]
    return f"{int(number) * _DAYS[unit]}D" if unit in _DAYS and number.isdigit() else iso


def _travel(fact: Fact, words: Words) -> Support:
    quote, language, path = _whole(words.quote), words.language, part(fact.field)
    if not _ours(words, past=True):
        return _UNDECIDED
    if path == "own_transport":
        without = quote.says("no_transport", language)
        has = is_so(quote, "own_transport", language)
        return _matches(fact.value.get("own_transport"), False if without else True if has else None)
    if path == "max_minutes":
        return _matches(fact.value.get("max_minutes"), travel_minutes(quote, language))
    return _among("by", TRAVEL_MODES, "mode")(fact, words)


def _permit(fact: Fact, words: Words) -> Support:
    """The status as the quote gives it, the country as the words around it do."""
    if not _ours(words):
        return _UNDECIDED
    where = fact.value.get("country")
    if where and where not in {country(one) for one in around(words.said.text, words.quote)}:
        return _UNDECIDED
    return _matches(fact.value.get("status"), permit(_whole(words.quote), words.language))


def _references(fact: Fact, words: Words) -> Support:
    quote = _whole(words.quote)
    no, yes = (quote.says(section, words.language) for section in ("references_no", "references_yes"))
    return _matches(fact.value.get("available"), False if no else True if yes else None)


def _free_text(fact: Fact, words: Words) -> Support:
    """Its words stand in the quote, and so do its details (see `provable`)."""
    title = next((str(fact.value[name]) for name in ("title_raw", "raw", "name") if name in fact.value), "")
    support = words_follow(title, words.quote, inflects=True)
    whole = provable(fact, words.said, words.language).value == fact.value
    if support is _FOLLOWS and not (whole and _ours(words)):
        return _UNDECIDED
    return support


def _phone(fact: Fact, words: Words) -> Support:
    support = phone_follows(str(fact.value.get("e164", "")), words.quote, words.region)
    return support if _ours(words) or support is _CONTRADICTS else _UNDECIDED


def _email(fact: Fact, words: Words) -> Support:
    support = email_follows(str(fact.value.get("address", "")), words.quote)
    return support if _ours(words) or support is _CONTRADICTS else _UNDECIDED


Check = Callable[[Fact, Words], Support]
CHECKS: Final[Mapping[str, Check]] = {
    "phone": _phone,
    "email": _email,
    "right_to_work": _permit,
    "hours": _hours,
    "shifts": _shift,
    "contract_preference": _among("contract", CONTRACTS, "kind"),
    "work_mode": _among("mode", WORK_MODES, "mode"),
    "salary_expectation": _pay,
    "notice_period": _notice,
    "travel": _travel,
    "references_available": _references,
    **dict.fromkeys(FREE_TEXT, _free_text),
}
