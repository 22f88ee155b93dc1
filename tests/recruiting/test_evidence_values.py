"""A stored value is the one the candidate's words give: properties over dates, sums, phones, levels and names."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from babel.dates import format_date
from babel.numbers import format_currency
from hypothesis import assume, given
from hypothesis import strategies as st

from app.recruiting.amounts import find_amounts, find_numbers
from app.recruiting.evidence_contact import email_follows, pay_follows, phone_follows
from app.recruiting.evidence_support import number_follows, words_follow
from app.recruiting.evidence_values import CHECKS, Support, follows
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Kind, Location
from app.recruiting.profile import CEFR, LICENCES, Fact
from app.recruiting.said import Said

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WRITTEN = dt.datetime(2026, 11, 23, 10, 30, tzinfo=AMSTERDAM)
FOLLOWS, CONTRADICTS, UNDECIDED = Support.FOLLOWS, Support.CONTRADICTS, Support.UNDECIDED


def judged(
    field: str, value: dict[str, object], quote: str, *, language: str = "en", at: dt.datetime = WRITTEN
) -> Support:
    said = Said(message_id="m1", text=quote, at=at.timestamp())
    return follows(Fact(field=field, value=value, quote=quote, message_id="m1"), said, language, AMSTERDAM)


@given(days=st.integers(0, 300), off=st.integers(1, 40), language=st.sampled_from(LANGUAGES))
def test_a_written_day_gives_that_day_and_no_other(days: int, off: int, language: str) -> None:
    day = WRITTEN.date() + dt.timedelta(days=days)
    quote = format_date(day, "d MMMM y", locale=language)
    assert judged("availability", {"from": day.isoformat()}, quote, language=language) is FOLLOWS
    wrong = (day + dt.timedelta(days=off)).isoformat()
    assert judged("availability", {"from": wrong}, quote, language=language) is CONTRADICTS


@given(hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_tomorrow_is_counted_from_the_message_where_the_work_is(hour: int, minute: int) -> None:
    at = dt.datetime(2026, 11, 23, hour, minute, tzinfo=dt.UTC)
    here = at.astimezone(AMSTERDAM).date()
    tomorrow = (here + dt.timedelta(days=1)).isoformat()
    assert judged("availability", {"from": tomorrow}, "tomorrow", at=at) is FOLLOWS
    assert judged("availability", {"from": here.isoformat()}, "tomorrow", at=at) is CONTRADICTS


def test_now_is_the_day_of_the_message() -> None:
    today = {"from": "2026-11-23", "immediate": True}
    assert judged("availability", today, "I can start immediately") is FOLLOWS
    assert judged("availability", {"from": "2026-11-24", "immediate": True}, "immediately") is CONTRADICTS
    assert judged("availability", today, "1 December") is CONTRADICTS
    assert judged("availability", {"from": "2026-12-01"}, "when my notice is over") is UNDECIDED


@given(
    cents=st.integers(100, 9_999_999),
    currency=st.sampled_from(["EUR", "GBP", "USD", "PLN", "RON", "UAH"]),
    locale=st.sampled_from(["en", "nl", "de", "pl", "es", "ro", "uk", "ar", "de_CH", "en_GB"]),
)
def test_every_locale_s_way_to_write_a_sum_is_read_back(cents: int, currency: str, locale: str) -> None:
    value = Decimal(cents) / 100
    written = format_currency(value, currency, locale=locale)
    assert [(one.value, one.currency) for one in find_amounts(f"• {written}")] == [(value, currency)]


@given(value=st.decimals(min_value=10, max_value=5000, places=2), other=st.decimals(10, 5000, places=2))
def test_an_expected_pay_must_be_the_one_that_was_said(value: Decimal, other: Decimal) -> None:
    assume(value != other)
    quote = f"I would like {value} euros an hour"
    wanted = {"min": str(value), "currency": "EUR", "period": "hour"}
    assert pay_follows(wanted, quote, "en") is FOLLOWS
    assert pay_follows({**wanted, "min": str(other)}, quote, "en") is CONTRADICTS
    assert pay_follows({**wanted, "currency": "PLN"}, quote, "en") is CONTRADICTS
    assert pay_follows({**wanted, "period": "month"}, quote, "en") is CONTRADICTS


def test_a_currency_that_was_not_said_is_an_assumption() -> None:
    assert pay_follows({"min": 15, "currency": "EUR", "period": "hour"}, "about 15", "en") is UNDECIDED
    assert pay_follows({"min": 14, "max": 16, "currency": "EUR"}, "14-16 euro", "nl") is FOLLOWS
    assert pay_follows({"currency": "EUR"}, "14-16 euro", "nl") is CONTRADICTS


_REGIONS = ("NL", "DE", "PL", "ES", "RO", "UA", "GB", "BE", "AE", "SY")


@given(region=st.sampled_from(_REGIONS), form=st.sampled_from([0, 1, 2, 3]))
def test_a_phone_number_follows_from_every_way_to_write_it(region: str, form: int) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None
    written = phonenumbers.format_number(number, form).removeprefix("tel:")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert phone_follows(e164, f"you can call {written}", region) is FOLLOWS
    assert phone_follows("+33612345678", f"you can call {written}", region) is CONTRADICTS


def test_a_national_number_without_a_country_proves_only_its_digits() -> None:
    assert phone_follows("+31612345678", "06 12345678") is UNDECIDED
    assert phone_follows("+31612345678", "zero six twelve …") is UNDECIDED
    assert phone_follows("not a number", "06 12345678") is CONTRADICTS


@given(address=st.from_regex(r"[a-z][a-z0-9.]{0,15}[a-z]@[a-z]{2,12}\.(com|nl|com\.ua)", fullmatch=True))
def test_an_e_mail_address_must_stand_in_the_words(address: str) -> None:
    assert email_follows(address.upper(), f"mail me: {address}.") is FOLLOWS
    assert email_follows("someone-else@example.org", f"mail me: {address}") is CONTRADICTS


@given(
    code=st.sampled_from([("nl", "Dutch"), ("en", "English"), ("de", "German"), ("pl", "Polish")]),
    said=st.sampled_from(CEFR),
    claimed=st.sampled_from([*CEFR, "native"]),
)
def test_a_level_is_the_one_beside_the_language(code: tuple[str, str], said: str, claimed: str) -> None:
    iso, name = code
    field = f"language_levels.{iso}"
    expected = FOLLOWS if said == claimed else CONTRADICTS
    assert judged(field, {"level": claimed}, f"I speak {name} {said}") is expected
    assert judged(field, {"level": claimed}, said) is expected
    assert judged(field, {"level": claimed}, f"{name} fluently") is UNDECIDED
    assert judged("language_levels.fr", {"level": said}, f"{name} {said}") is CONTRADICTS


@given(said=st.sampled_from(LICENCES), claimed=st.sampled_from(LICENCES))
def test_a_licence_is_one_that_was_named(said: str, claimed: str) -> None:
    verdict = judged(f"licences.{claimed}", {"type": claimed}, f"I have a driving licence {said}")
    assert verdict is (FOLLOWS if said == claimed else CONTRADICTS)
    assert judged("licences.none", {"type": "none"}, f"licence {said}") is CONTRADICTS
    assert judged("licences.none", {"type": "none"}, "no licence") is FOLLOWS


@given(text=st.text(max_size=80))
def test_own_words_follow_from_themselves(text: str) -> None:
    expected = FOLLOWS if any(c.isalnum() for c in text) else None
    if expected:
        verdict = judged("name", {"display": text}, f"my name is {text}, yes")
        assert verdict is FOLLOWS or words_follow(text, text) is CONTRADICTS


@pytest.mark.parametrize(
    ("value", "quote", "verdict"),
    [
        ("Warszawa", "mieszkam w Warszawie", FOLLOWS),
        ("Łódź", "lodz", FOLLOWS),
        ("Львів", "живу у Львові", CONTRADICTS),  # three letters shared: too few to tell from another town
        ("Rotterdam", "I live in Utrecht", CONTRADICTS),
        ("Lublin", "mieszkam w Lubinie", CONTRADICTS),
        ("Den Haag", "bij Den Haag in de buurt", FOLLOWS),
    ],
)
def test_a_town_may_be_inflected_but_not_exchanged(value: str, quote: str, verdict: Support) -> None:
    assert judged("city", {"city": value}, quote) is verdict


def test_coordinates_come_from_a_shared_place_only() -> None:
    place = Location(latitude=52.0907, longitude=5.1214, name="Utrecht")
    fact = Fact(
        field="city", value={"city": "Utrecht", "latitude": 52.09, "longitude": 5.12}, quote="Utrecht", message_id="m"
    )
    shared = Said(message_id="m", text="Utrecht", at=0.0, kind=Kind.LOCATION, location=place)
    assert follows(fact, shared, "en", AMSTERDAM) is FOLLOWS
    typed = Said(message_id="m", text="Utrecht", at=0.0)
    assert follows(fact, typed, "en", AMSTERDAM) is CONTRADICTS


def test_a_tap_means_its_id() -> None:
    said = Said(message_id="m", text="B2 Goed", at=0.0, kind=Kind.CHOICE, choice_id="v1:intake:level.nl:B2")
    fact = Fact(field="language_levels.nl", value={"level": "B2"}, quote="B2 Goed", message_id="m")
    assert follows(fact, said, "nl", AMSTERDAM) is FOLLOWS
    wrong = Fact(field="language_levels.nl", value={"level": "C1"}, quote="B2 Goed", message_id="m")
    assert follows(wrong, said, "nl", AMSTERDAM) is CONTRADICTS


@given(quote=st.text(max_size=200), field=st.sampled_from([*CHECKS, "languages.nl", "licences.B", "unheard_of"]))
def test_odd_words_never_raise(quote: str, field: str) -> None:
    for value in ({}, {"from": quote}, {"display": quote, "city": quote, "title": quote, "level": "B1", "min": 3}):
        assert judged(field, dict(value), quote) in Support
    assert all(number.value >= 0 for number in find_numbers(quote))
    assert number_follows(Decimal(3), quote, "en") in Support
