"""A vacancy as data: what candidates are told of it, its knock-out rules, its criteria. No prompt holds any of this."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from babel.numbers import format_currency
from babel.units import format_compound_unit

FALLBACK = "en"  # of texts, where a vacancy has none in the candidate's language
HUMAN_REVIEW = "human_review"  # the only thing that may follow from a must-have that is not met (GDPR Art. 22)
ASK_THEN_HUMAN = "ask_once_then_human"
MOST_MUST_HAVES = 5  # product §1a: about a minute
OPS = (
    "eq", "in", "contains_any", "contains_all", "gte", "lte", "date_before", "true", "within_travel_minutes",
)  # fmt: skip
_NO_CENTS = re.compile(r"[.,]00(?=\D|$)")

Words = str | dict[str, str]
"""A text in the vacancy's first language, or in several: language code → text."""


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Read from files: an unknown name is a mistake, not an extension."""


class Pay(_Data, frozen=True, kw_only=True):
    """Both ends included, before tax. `currency` is ISO 4217; `period`: hour, day, week, month or year."""

    min: Decimal
    max: Decimal
    currency: str
    period: str


class Waiver(_Data, frozen=True, kw_only=True):
    """Who may set a must-have aside."""

    by: str = "recruiter"
    reason_required: bool = True


class MustHave(_Data, frozen=True, kw_only=True):
    """A knock-out rule. `field` is a path of the profile; `key` names a part of its value where there are several."""

    id: str
    title: str  # for recruiters
    field: str
    op: str
    value: Any = None
    key: str = ""
    question_key: str = ""
    justification: str = ""
    on_unknown: str = ASK_THEN_HUMAN
    on_fail: str = HUMAN_REVIEW
    alternatives: str = "suggest_other_vacancies"
    waiver: Waiver = Waiver()


class Anchor(_Data, frozen=True, kw_only=True):
    """What a level from 0 to 4 means in words; reached when the criterion's operator holds for `value`."""

    level: int
    text: str
    value: Any = None


class Criterion(_Data, frozen=True, kw_only=True):
    """A part of the score. Level 0 is what is left when no other anchor holds."""

    id: str
    title: str
    weight: int
    field: str
    op: str
    key: str = ""
    anchors: list[Anchor]


class ApprovedFact(_Data, frozen=True, kw_only=True):
    """What the employer lets us answer to a candidate's question."""

    id: str
    text: Words


class Vacancy(_Data, frozen=True, kw_only=True):
    """`code` stands in links and ads; `languages` are those of the texts, the first is the language of bare strings.

    `ads` are ids of ads that lead here; `roles` are words for the work, in any language, for suggestions only.
    `fast_lane`: points from which somebody who has all must-haves is answered first (product §1e); 0: nobody is.
    """

    code: str
    title: Words
    company: str
    site: str = ""
    city: str
    country: str
    languages: list[str]
    status: str = ""  # open or closed; empty in a file: as it is, and open when new
    task: Words
    place: Words  # where, and which shifts
    pay: Pay
    roles: list[str] = []
    must_haves: list[MustHave] = []
    criteria: list[Criterion] = []
    fast_lane: int = 0
    approved: list[ApprovedFact] = []
    links: list[str] = []
    ads: list[str] = []

    @property
    def is_open(self) -> bool:
        """Candidates may apply."""
        return self.status in {"", "open"}


def in_language(words: Words, language: str) -> str:
    """The text in `language`, else in English, else in the first there is."""
    if isinstance(words, str):
        return words
    return words.get(language) or words.get(FALLBACK) or next(iter(words.values()), "")


def title_of(vacancy: Vacancy, language: str = FALLBACK) -> str:
    """What the work is called."""
    return in_language(vacancy.title, language)


def pay_text(vacancy: Vacancy, language: str) -> str:
    """ "€14.50 - €16.20 per hour" as the language writes it, with Western digits."""
    pay = vacancy.pay
    ends = " - ".join(_money(value, pay.currency, language) for value in dict.fromkeys((pay.min, pay.max)))
    per = format_compound_unit(ends, denominator_unit=f"duration-{pay.period}", length="long", locale=language)
    return per or ends


def _money(value: Decimal, currency: str, language: str) -> str:
    """Cents only where there are any; plain spaces, and no mark that would turn the line's direction."""
    text = format_currency(value, currency, locale=language).replace("\u00a0", " ").replace("\u200f", "").strip()
    return _NO_CENTS.sub("", text) if value == value.to_integral_value() else text


def pitch(vacancy: Vacancy, language: str) -> Mapping[str, str]:
    """The three lines of the role pitch and the title, as parameters of the phrase `pitch`."""
    return {
        "title": title_of(vacancy, language),
        "task": in_language(vacancy.task, language),
        "place": in_language(vacancy.place, language),
        "pay": pay_text(vacancy, language),
    }


def approved_facts(vacancy: Vacancy, language: str) -> list[str]:
    """All that may be said of the vacancy: the lines of the pitch, then the employer's own facts."""
    lines = pitch(vacancy, language)
    where = ", ".join(part for part in (vacancy.company, vacancy.site, vacancy.city) if part)
    facts = [in_language(fact.text, language) for fact in vacancy.approved]
    return [f"{lines['title']}: {lines['task']}", lines["place"], lines["pay"], where, *facts]
