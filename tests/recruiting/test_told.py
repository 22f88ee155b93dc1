"""What nobody asks for: read only where it is plain, proven by its words, and shown within a message's limits."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import re
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.recruiting.answers.reading import read_turn
from app.recruiting.evidence_support import Support, Words
from app.recruiting.evidence_told import provable
from app.recruiting.evidence_values import CHECKS, follows, rejection
from app.recruiting.intake import Decision, Intake, Line, Question
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Kind
from app.recruiting.phrases import BODY, Phrasebook, phrases
from app.recruiting.profile import Fact, is_valid, shown_fields
from app.recruiting.readback import items, shortened
from app.recruiting.said import Said
from app.recruiting.volunteered import SHIFTS, VALUES, slug
from tests.fixtures.agents import COMPANY

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FOLLOWS, CONTRADICTS, UNDECIDED = Support.FOLLOWS, Support.CONTRADICTS, Support.UNDECIDED
MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"


def read(text: str, language: str = "en", *, kind: Kind = Kind.TEXT) -> dict[str, Fact]:
    """What rules read in a message of somebody in the Netherlands, by path; the six fields of the intake left out."""
    said = Said(message_id="m", text=text, at=1_795_428_000.0, kind=kind)
    facts = read_turn([said], "", language, AMSTERDAM, region="NL").facts
    for fact in facts:
        assert rejection(fact, said, language, AMSTERDAM, region="NL") == "", fact
    return {fact.field: fact for fact in facts if fact.field.partition(".")[0] in VALUES}


def judged(field: str, value: Mapping[str, object], quote: str, text: str = "", language: str = "en") -> Support:
    said = Said(message_id="m", text=text or quote, at=1_795_428_000.0)
    return follows(
        Fact(field=field, value=dict(value), quote=quote, message_id="m"), said, language, AMSTERDAM, region="NL"
    )


# Per language: no nights, a wish for 32 to 40 hours, a wish for pay, pay that is earned, an own car, no car, a permit,
# a permit that is missing, notice of a month, a permanent contract, work from home.
SENTENCES = {
    "en": (
        "I can't work night shifts", "I want 32 to 40 hours per week", "I want at least 16,50 euro per hour", "I earn 16,50 euro per hour",
        "I have my own car", "I have no car", "I have a work permit", "I have no work permit", "my notice period is 1 month", "I want a permanent contract", "I prefer to work from home",
    ),
    "nl": (
        "ik kan geen nachtdiensten draaien", "ik wil 32 tot 40 uur per week werken", "ik wil minstens 16,50 euro per uur", "ik verdien 16,50 euro per uur",
        "ik heb een eigen auto", "ik heb geen auto", "ik heb een werkvergunning", "ik heb geen werkvergunning", "mijn opzegtermijn is 1 maand", "ik zoek een vast contract", "ik wil graag thuiswerken",
    ),
    "de": (
        "ich kann keine Nachtschicht machen", "ich möchte 32 bis 40 Stunden pro Woche arbeiten", "ich möchte mindestens 16,50 Euro pro Stunde", "ich verdiene 16,50 Euro pro Stunde",
        "ich habe ein eigenes Auto", "ich habe kein Auto", "ich habe eine Arbeitserlaubnis", "ich habe keine Arbeitserlaubnis", "meine Kündigungsfrist ist 1 Monat", "ich suche eine Festanstellung", "ich will im Homeoffice arbeiten",
    ),
    "pl": (
        "nie mogę pracować na nocne zmiany", "chcę pracować 32 do 40 godzin tygodniowo", "chciałbym co najmniej 16,50 euro na godzinę", "zarabiam 16,50 euro na godzinę",
        "mam własny samochód", "nie mam samochodu", "mam pozwolenie na pracę", "nie mam pozwolenia na pracę", "okres wypowiedzenia 1 miesiąc", "szukam umowy na czas nieokreślony", "wolę pracę zdalną",
    ),
    "es": (
        "no puedo trabajar de noche", "quiero trabajar 32 a 40 horas a la semana", "quisiera al menos 16,50 euros por hora", "gano 16,50 euros por hora",
        "tengo coche propio", "no tengo coche", "tengo permiso de trabajo", "no tengo permiso de trabajo", "mi preaviso es de 1 mes", "busco contrato indefinido", "prefiero teletrabajo",
    ),
    "ro": (
        "nu pot lucra în tura de noapte", "vreau să lucrez 32 - 40 de ore pe săptămână", "aș vrea cel puțin 16,50 euro pe oră", "câștig 16,50 euro pe oră",
        "am mașină personală", "nu am mașină", "am permis de muncă", "nu am permis de muncă", "preaviz 1 lună", "caut contract pe perioadă nedeterminată", "prefer de acasă",
    ),
    "uk": (
        "не можу працювати в нічну зміну", "хочу працювати 32 до 40 годин на тиждень", "хочу щонайменше 16,50 євро на годину", "я заробляю 16,50 євро на годину",
        "маю власне авто", "не маю авто", "маю дозвіл на роботу", "не маю дозволу на роботу", "термін попередження 1 місяць", "шукаю постійну роботу", "хочу працювати віддалено",
    ),
    "ar": (
        "لا أستطيع العمل في الوردية الليلية", "أريد العمل ٣٢ إلى ٤٠ ساعة في الأسبوع", "أريد على الأقل 16,50 يورو في الساعة", "أتقاضى 16,50 يورو في الساعة",
        "عندي سيارة", "ما عندي سيارة", "لدي تصريح عمل", "ليس لدي تصريح عمل", "فترة الإشعار 1 شهر", "أبحث عن عمل دائم", "أفضل العمل عن بعد",
    ),
}  # fmt: skip
EXPECTED: tuple[dict[str, dict[str, object]], ...] = (
    {"shifts.night": {"kind": "night", "possible": False}},
    {"hours": {"min": 32, "max": 40}},
    {"salary_expectation": {"min": 16.5, "currency": "EUR", "period": "hour"}},
    {},
    {"travel.own_transport": {"own_transport": True}},
    {"travel.own_transport": {"own_transport": False}},
    {"right_to_work.any": {"status": "yes"}},
    {"right_to_work.any": {"status": "no"}},
    {"notice_period": {"duration": "P1M"}},
    {"contract_preference.permanent": {"kind": "permanent"}},
    {"work_mode": {"mode": "remote"}},
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_plain_is_read_in_every_language_and_what_was_earned_in_none(language: str) -> None:
    for sentence, expected in zip(SENTENCES[language], EXPECTED, strict=True):
        found = {field: fact.value for field, fact in read(sentence, language).items()}
        assert found == expected, sentence


@pytest.mark.parametrize(
    "text",
    [
        "my wife's number is 06 12345678", "my boss has a car", "I worked nights for 5 years", "do I need a work permit?", "can I work from home?",
        "at my job I work 40 hours a week", "my brother wants 16 euro per hour", "I earn 14 and want 16 euro per hour", "nie mam prawa jazdy",
        "nu am permis", "no tengo permiso de conducir", "I am diabetic so I can't do night shifts", "call me at night", "my driving licence is 06 12345",
        "they pay 12 euro per hour", "I live 20 minutes from the office", "I only need one week", "ik ben moslim dus geen weekenddienst",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_alone(text: str) -> None:
    assert read(text) == {}
    assert read(text, "nl") == {}


def test_phone_and_address_are_the_candidates_own() -> None:
    assert read("my number is 06 12345678")["phone"].value == {"e164": "+31612345678"}
    assert read("anna.kok@example.com")["email"].value == {"address": "anna.kok@example.com"}
    assert read("+48 601 234 567", "pl")["phone"].value == {"e164": "+48601234567"}
    cv = "Anna Kok\n06 12345678 | anna@example.com\nDHL, 2019 - 2023"
    assert set(read(cv, kind=Kind.DOCUMENT)) == {"phone", "email"}
    assert read(f"{cv}\nReference: Jan, jan@dhl.example, 06 87654321", kind=Kind.DOCUMENT) == {}, "whose is whose?"


def test_polarity_is_never_turned_round() -> None:
    assert read("I don't mind night shifts")["shifts.night"].value == {"kind": "night"}
    assert read("Nachtschicht ist kein Problem", "de")["shifts.night"].value == {"kind": "night"}
    assert read("I don't need a work permit")["right_to_work.any"].value == {"status": "yes"}
    assert read("I do not have a car")["travel.own_transport"].value == {"own_transport": False}


@given(st.text(max_size=80))
def test_no_path_is_one_that_the_record_refuses(text: str) -> None:
    """The record's rule on names of fields, out of its migration: a refused row would fail the whole turn."""
    sql = (MIGRATIONS / "20261123190000_candidates.sql").read_text(encoding="utf-8")
    body = sql.partition("profile_facts_lawful_field check (")[2].partition(") ,")[0].partition("\n  ),")[0]
    forbidden = re.compile("".join(re.findall(r"'([^']*)'", body)))
    assert forbidden.search("health")
    for word in (text, "mental_health", "salary_history", "photo editing"):
        assert not forbidden.search(f"skills.{slug(word)}")
    assert not any(forbidden.search(kind) for kind in VALUES)


@given(st.text(max_size=40), st.sampled_from(sorted(VALUES)))
def test_a_value_holds_what_its_type_names_and_nothing_else(text: str, kind: str) -> None:
    for value in ({}, {"raw": text, "nationality": text}, {"status": "yes", "religion": text}, {"e164": text}):
        assert not is_valid(Fact(field=kind, value=dict(value), quote="x", message_id="m"))
        assert not is_valid(Fact(field=f"{kind}.{text}", value=dict(value), quote="x", message_id="m"))


@given(low=st.integers(10, 99), other=st.integers(10, 99), wish=st.sampled_from(["I want", "I would like at least"]))
def test_pay_is_the_sum_that_is_wished_for(low: int, other: int, wish: str) -> None:
    value: dict[str, object] = {"min": low, "currency": "EUR", "period": "hour"}
    assert judged("salary_expectation", value, f"{wish} {low} euro per hour") is FOLLOWS
    assert judged("salary_expectation", value, f"{low} euro per hour") is UNDECIDED
    assert judged("salary_expectation", value, f"{low} euro per hour", f"I earn {low} euro per hour") is CONTRADICTS
    assert judged("salary_expectation", {**value, "gross_net": "net"}, f"{wish} {low} euro per hour") is UNDECIDED
    if other != low:
        assert judged("salary_expectation", {**value, "min": other}, f"{wish} {low} euro per hour") is CONTRADICTS


@given(hours=st.integers(1, 60), more=st.integers(1, 20), claimed=st.integers(1, 80))
def test_hours_are_those_of_the_week_that_was_said(hours: int, more: int, claimed: int) -> None:
    both = {"min": hours, "max": hours + more}
    assert judged("hours", both, f"I want {hours}-{hours + more} hours per week") is FOLLOWS
    assert judged("hours", {"max": hours}, f"at most {hours} hours a week please") is FOLLOWS
    if claimed != hours:
        assert judged("hours", {"min": claimed, "max": claimed}, f"{hours} hours a week") is CONTRADICTS
    assert judged("hours", both, "full time please") is UNDECIDED


@given(said=st.sampled_from(SHIFTS), claimed=st.sampled_from(SHIFTS), possible=st.booleans())
def test_a_shift_is_one_that_was_named(said: str, claimed: str, *, possible: bool) -> None:
    words = {"rotating": "rotating shifts", "on_call": "on call"}.get(said, f"{said} shifts")
    quote = f"I can work {words}" if possible else f"I can not work {words}"
    value: dict[str, object] = {"kind": claimed} | ({} if possible else {"possible": False})
    assert judged(f"shifts.{claimed}", value, quote) is (FOLLOWS if said == claimed else UNDECIDED)
    if said == claimed:
        turned: dict[str, object] = {"kind": claimed} | ({"possible": False} if possible else {})
        assert judged(f"shifts.{claimed}", turned, quote) is CONTRADICTS


@given(count=st.integers(1, 6), unit=st.sampled_from(["week", "month"]))
def test_notice_is_the_span_that_was_said(count: int, unit: str) -> None:
    quote = f"{count} {unit}s notice"
    letter = unit[0].upper()
    assert judged("notice_period", {"duration": f"P{count}{letter}"}, quote) is FOLLOWS
    assert judged("notice_period", {"duration": f"P{count + 1}{letter}"}, quote) is CONTRADICTS
    if unit == "week":
        assert judged("notice_period", {"duration": f"P{count * 7}D"}, quote) is FOLLOWS


@given(year=st.integers(1960, 2030), month=st.integers(1, 12), claimed=st.integers(1960, 2030))
def test_a_job_keeps_only_the_dates_and_names_that_its_line_gives(year: int, month: int, claimed: int) -> None:
    line = f"Magazynier, Logis, {month:02}/{year} - obecnie"
    said = Said(message_id="m", text=line, at=0.0, kind=Kind.DOCUMENT)
    value = {
        "title_raw": "Magazynier", "employer": "Amazon", "start": f"{claimed}-{month:02}", "current": True,
    }  # fmt: skip
    whole = Fact(field="experience.magazynier-amazon", value=value, quote=line, message_id="m", source="cv")
    fact = provable(whole, said, "pl")
    expected = {"title_raw": "Magazynier", "current": True}
    expected |= {"start": f"{year}-{month:02}"} if claimed == year else {}
    assert (fact.field, fact.value) == ("experience.magazynier", expected)
    assert rejection(fact, said, "pl", AMSTERDAM) == ""
    if claimed != year:
        assert rejection(whole, said, "pl", AMSTERDAM) == "undecided", "as a whole it does not follow"


def test_own_words_follow_and_health_beside_them_never_does() -> None:
    said = Said(message_id="m", text="I can weld MIG and TIG. I have epilepsy and drive", at=0.0)
    weld = Fact(field="skills.weld-mig", value={"raw": "weld MIG"}, quote="weld MIG", message_id="m")
    drive = Fact(field="skills.drive", value={"raw": "drive"}, quote="drive", message_id="m")
    unsaid = Fact(field="skills.weld-arc", value={"raw": "weld arc"}, quote="weld MIG", message_id="m")
    belief = Fact(field="religion", value={"raw": "weld"}, quote="weld", message_id="m")
    reasons = [rejection(fact, said, "en", AMSTERDAM) for fact in (weld, drive, unsaid, belief)]
    assert reasons == ["", "forbidden_field", "undecided", "forbidden_field"]


FULL: dict[str, dict[str, object]] = {
    "name": {"display": "Zbigniew Wrona"},
    "role": {"title": "magazynier"},
    "city": {"city": "Spijkenisse"},
    "availability": {"from": "2026-12-01"},
    "languages.pl": {"language": "pl"},
    "licences.B": {"type": "B"},
    "phone": {"e164": "+31612345678"},
    "email": {"address": "zbigniew.wrona@example.com"},
    "right_to_work.NL": {"status": "yes", "country": "NL"},
    "hours": {"min": 32, "max": 40},
    "work_mode": {"mode": "onsite"},
    "salary_expectation": {"min": 16.5, "max": 18, "currency": "EUR", "period": "hour", "gross_net": "gross"},
    "notice_period": {"duration": "P2W"},
    "travel.own_transport": {"own_transport": True},
    "travel.max_minutes": {"max_minutes": 45},
    "education.technikum": {"title_raw": "Technikum", "year": 2012},
    "certificates.bhp": {"name": "BHP", "valid_until": "2027-05"},
    "references_available": {"available": True},
    **{f"shifts.{kind}": {"kind": kind, "possible": kind != "night"} for kind in SHIFTS},
    **{f"contract_preference.{kind}": {"kind": kind} for kind in ("permanent", "temporary", "full_time")},
}
FULL |= {f"skills.skill-{n}": {"raw": f"skill {n}"} for n in range(40)}
FULL |= {
    f"experience.job-{n}-firm": {"title_raw": f"job {n}", "employer": "firm", "start": "2019-03", "end": "2023"}
    for n in range(20)
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_profile_is_read_back_within_a_message_with_buttons(language: str) -> None:
    facts = [Fact(field=field, value=value, quote="x", message_id="m", source="voice") for field, value in FULL.items()]
    assert all(is_valid(fact) for fact in facts)
    question = Question(line=Line(key="review", fields=shown_fields(facts)), choices="review")
    (reply,) = Phrasebook(COMPANY).replies(language, Decision(intake=Intake(), question=question, profile=facts))
    assert len(reply.text) <= BODY
    assert phrases(language).texts["review"].rsplit("\n", 1)[-1] in reply.text, "the question is not cut off"
    assert phrases(language).labels["more"] in reply.text or "+" in reply.text
    known = Phrasebook(COMPANY).line(language, Line(key="known", fields=shown_fields(facts)), facts)
    assert len(known) <= 4096
    labels = phrases(language).labels
    assert all(f"{labels[field]}: " in known for field in shown_fields(facts)), "asked for, nothing is left out"


@given(parts=st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=12), most=st.integers(12, 200))
def test_a_shortened_list_fits_and_says_how_many_it_leaves_out(parts: list[str], most: int) -> None:
    text = shortened(parts, most)
    assert len(text) <= most
    if text != ", ".join(parts):
        assert text.endswith("…") or re.search(r" \+\d+$", text)


def test_what_was_heard_or_guessed_is_marked_until_it_is_confirmed() -> None:
    def line(**fields: object) -> str:
        fact = Fact(field="city", value={"city": "Breda"}, quote="x", message_id="m", **fields)  # type: ignore[arg-type]
        return Phrasebook(COMPANY).line("en", Line(key="review", fields=["city"]), [fact])

    assert "Town: Breda (please check)" in line(source="voice")
    assert "Town: Breda (please check)" in line(confidence=0.7)
    assert "please check" not in line(source="voice", confirmed=True) + line()
    spoken = Fact(field="name", value={"display": "Bo"}, quote="x", message_id="m", source="voice")
    thanks = Phrasebook(COMPANY).line("en", Line(key="thank_name", fields=["name"]), [spoken])
    assert "Bo." in thanks, "nobody is thanked by a mark"


@settings(deadline=None)
@given(text=st.text(max_size=120), language=st.sampled_from(LANGUAGES), field=st.sampled_from(sorted(VALUES)))
def test_odd_words_are_read_without_a_fault(text: str, language: str, field: str) -> None:
    said = Said(message_id="m", text=text, at=0.0)
    for fact in read_turn([said], "", language, AMSTERDAM, region="NL").facts:
        assert is_valid(fact)
    fact = Fact(field=f"{field}.x", value={}, quote=text, message_id="m")
    assert CHECKS[field](provable(fact, said, language), _words(said)) in Support
    assert items([], [field], language, phrases(language).labels) is not None


def _words(said: Said) -> Words:
    return Words(said.text, said, "en", AMSTERDAM, "NL")
