"""Answers and volunteered facts, read with the exact words that prove them."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.recruiting.answers.reading import Reading, read_turn
from app.recruiting.evidence import occurs
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Kind, Location
from app.recruiting.profile import Field, is_valid
from app.recruiting.said import Said, place_text

ZONE = ZoneInfo("Europe/Amsterdam")
AT = dt.datetime(2026, 11, 23, 12, tzinfo=ZONE).timestamp()


def read_texts(*texts: str, asked: str = "", language: str = "en") -> Reading:
    messages = [Said(message_id=f"m{index}", text=text, at=AT) for index, text in enumerate(texts)]
    reading = read_turn(messages, asked, language, ZONE)
    for fact in reading.facts:
        assert is_valid(fact), fact.field
        assert occurs(fact.quote, texts[int(fact.message_id[1:])]), fact.field
    return reading


def value(reading: Reading, field: str) -> object:
    found = next((fact for fact in reading.facts if fact.field == field), None)
    return None if found is None else next(iter(found.value.values()))


NAMES = [
    ("en", "John", "John"), ("en", "my name is Mary-Jane O'Neil", "Mary-Jane O'Neil"), ("en", "I'm Anna", "Anna"), ("en", "Hi, anna smith", "anna smith"),
    ("nl", "Piet van der Berg", "Piet van der Berg"), ("nl", "Ik heet Fatima El Amrani.", "Fatima El Amrani"), ("nl", "mijn naam is jan", "jan"),
    ("de", "Ich heiße Jürgen Müller", "Jürgen Müller"), ("de", "Hans-Peter", "Hans-Peter"), ("de", "Mein Name ist Öztürk", "Öztürk"),
    ("pl", "Nazywam się Łukasz Wiśniewski", "Łukasz Wiśniewski"), ("pl", "Katarzyna", "Katarzyna"), ("es", "Me llamo María José", "María José"),
    ("es", "Juan de la Cruz", "Juan de la Cruz"), ("ro", "Mă numesc Ștefan Țăranu", "Ștefan Țăranu"), ("ro", "Ioana", "Ioana"),
    ("uk", "Мене звати Олена Шевченко", "Олена Шевченко"), ("uk", "Д'Артаньян", "Д'Артаньян"), ("ar", "اسمي محمد علي", "محمد علي"), ("ar", "محمد", "محمد"),
]  # fmt: skip
NOT_NAMES = [
    "ok",
    "yes",
    "no",
    "what?",
    "12345",
    "I speak Dutch",
    "in two weeks",
    "hello",
    "ja",
    "dzień dobry",
    "Polish",
    "😀",
    "how long does it take",
]


@pytest.mark.parametrize(("language", "text", "name"), NAMES)
def test_name_when_asked(language: str, text: str, name: str) -> None:
    assert value(read_texts(text, asked="name", language=language), "name") == name


@pytest.mark.parametrize("text", NOT_NAMES)
def test_no_name_in_it(text: str) -> None:
    assert value(read_texts(text, asked="name"), "name") is None


@pytest.mark.parametrize(
    "text", ["I'm Polish", "I'm Syrian", "Ich bin Fahrer", "ik ben chauffeur", "I'm looking for a job", "I am available", "jestem kierowcą", "soy camarero"]
)  # fmt: skip
def test_nationality_or_job_is_never_taken_for_a_name(text: str) -> None:
    for language in LANGUAGES:
        assert value(read_texts(text, language=language), "name") is None


@pytest.mark.parametrize(
    ("language", "text", "name", "role"),
    [
        ("nl", "Anna Kok", "Anna Kok", None), ("en", "peter baker", "peter baker", None), ("de", "Jürgen Koch", "Jürgen Koch", None),
        ("en", "My name is Peter Baker", "Peter Baker", None), ("nl", "Anna Kok, ik werk als kok", "Anna Kok", "kok"),
        ("en", "truck driver", None, "truck driver"), ("nl", "kok", None, "kok"),
    ],
)  # fmt: skip
def test_a_surname_that_is_a_job_tells_no_work(language: str, text: str, name: str | None, role: str | None) -> None:
    reading = read_texts(text, asked="name", language=language)
    assert (value(reading, "name"), value(reading, "role")) == (name, role)


CITIES = [
    ("en", "Leeds", "Leeds"), ("en", "I live in New York", "New York"), ("en", "in London", "London"), ("nl", "Den Haag", "Den Haag"),
    ("nl", "ik woon in 's-Hertogenbosch", "s-Hertogenbosch"), ("nl", "3511 AB Utrecht", "Utrecht"), ("de", "Ich wohne in Frankfurt am Main", "Frankfurt am Main"),
    ("de", "München", "München"), ("pl", "Poznań", "Poznań"), ("pl", "mieszkam w Zielona Góra", "Zielona Góra"), ("es", "Vivo en San Sebastián", "San Sebastián"),
    ("es", "Valencia", "Valencia"), ("ro", "Cluj-Napoca", "Cluj-Napoca"), ("ro", "locuiesc în București", "București"), ("uk", "Львів", "Львів"),
    ("uk", "Я живу у Києві", "Києві"), ("ar", "برلين", "برلين"), ("ar", "أسكن في أمستردام", "أمستردام"), ("en", "Utrecht, the Netherlands", "Utrecht"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "city"), CITIES)
def test_town_when_asked(language: str, text: str, city: str) -> None:
    assert value(read_texts(text, asked="city", language=language), "city") == city


def test_a_country_that_is_also_a_city_here_is_a_town() -> None:
    assert value(read_texts("vivo", "en Granada", asked="city", language="es"), "city") == "Granada"


@pytest.mark.parametrize(
    "text", ["ok", "yes", "no", "next week", "I don't know", "hello", "NL", "Poland", "asap", "I am back"]
)
def test_no_town_in_it(text: str) -> None:
    assert value(read_texts(text, asked="city"), "city") is None


@pytest.mark.parametrize(
    "text",
    ["I am from Poland", "I'm from Syria", "from Monday", "ik kom uit Polen", "jestem z Ukrainy", "soy de Colombia"],
)
def test_country_of_origin_is_never_kept(text: str) -> None:
    for language in LANGUAGES:
        assert value(read_texts(text, language=language), "city") is None


ROLES = [
    ("en", "truck driver", "truck driver"), ("en", "I want to work as a nurse", "nurse"), ("en", "something in logistics", "something in logistics"),
    ("nl", "ik zoek werk als kok", "kok"), ("nl", "magazijnmedewerker", "magazijnmedewerker"), ("de", "als Koch", "Koch"), ("de", "Lagerarbeiter", "Lagerarbeiter"),
    ("pl", "praca jako spawacz", "spawacz"), ("pl", "kierowca kat. C", "kierowca kat"), ("es", "busco trabajo de camarero", "camarero"), ("es", "cocinero", "cocinero"),
    ("ro", "caut un loc de muncă ca ospătar", "ospătar"), ("ro", "sudor", "sudor"), ("uk", "водій", "водій"), ("uk", "шукаю роботу зварювальником", "зварювальником"),
    ("ar", "سائق شاحنة", "سائق شاحنة"), ("ar", "أبحث عن عمل كطباخ", "طباخ"),
    ("ar", "مساعد طباخ", "مساعد طباخ"), ("en", "assistant cook", "assistant cook"), ("en", "cook please", "cook"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "role"), ROLES)
def test_work_when_asked(language: str, text: str, role: str) -> None:
    assert value(read_texts(text, asked="role", language=language), "role") == role


@pytest.mark.parametrize(
    ("language", "texts", "role"),
    [
        ("es", ("algo de", "cocina"), "cocina"),
        ("uk", ("щось на", "кухні"), "кухні"),
        ("ar", ("شيء في", "المطبخ"), "المطبخ"),
        ("de", ("irgendwas mit", "Reinigung"), "Reinigung"),
    ],
)
def test_an_answer_in_pieces_is_the_piece_that_says_something(language: str, texts: tuple[str, ...], role: str) -> None:
    assert value(read_texts(*texts, asked="role", language=language), "role") == role


@pytest.mark.parametrize("text", ["no experience", "I don't know", "hello", "How much does it pay?"])
def test_no_work_in_it(text: str) -> None:
    assert value(read_texts(text, asked="role"), "role") is None


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "anything"), ("nl", "maakt niet uit"), ("de", "egal"), ("pl", "obojętnie"), ("es", "me da igual"), ("ro", "orice"), ("uk", "будь-яка робота"), ("ar", "أي عمل")],
)  # fmt: skip
def test_any_work_is_marked_as_open(language: str, text: str) -> None:
    (fact,) = read_texts(text, asked="role", language=language).facts
    assert fact.value["open"] is True


TONGUES = [
    ("en", "English C1, Dutch B2 and a bit of Polish", {"en": "C1", "nl": "B2", "pl": None}),
    ("en", "I speak Arabic and Turkish", {"ar": None, "tr": None}),
    ("nl", "Nederlands is mijn moedertaal, Engels B2", {"nl": "native", "en": "B2"}),
    ("nl", "engels en duits", {"en": None, "de": None}),
    ("de", "Deutsch C1, Englisch und etwas Polnisch", {"de": "C1", "en": None, "pl": None}),
    ("pl", "mówię po polsku i po niemiecku", {"pl": None, "de": None}),
    ("pl", "polski, angielski B2", {"pl": None, "en": "B2"}),
    ("es", "español nativo e inglés B1", {"es": "native", "en": "B1"}),
    ("ro", "română, engleză B2 și puțină germană", {"ro": None, "en": "B2", "de": None}),
    ("uk", "українська, російська, англійською B1", {"uk": None, "ru": None, "en": "B1"}),
    ("ar", "العربية والانجليزية والهولندية A2", {"ar": None, "en": None, "nl": "A2"}),
    ("en", "Dutch, but no German", {"nl": None}),
]


@pytest.mark.parametrize(("language", "text", "levels"), TONGUES)
def test_languages_and_levels_when_asked(language: str, text: str, levels: dict[str, str | None]) -> None:
    reading = read_texts(text, asked="languages", language=language)
    spoken = {fact.value["language"] for fact in reading.facts if fact.field.startswith("languages.")}
    assert spoken == set(levels)
    assert {code: value(reading, f"language_levels.{code}") for code in levels} == levels


@pytest.mark.parametrize(
    "text",
    [
        "I want to learn Dutch",
        "I don't speak German",
        "my Dutch driving licence",
        "the Polish shop",
        "English breakfast cook",
    ],
)
def test_a_language_named_by_the_way_is_not_spoken(text: str) -> None:
    assert not [fact for fact in read_texts(text).facts if fact.field.startswith("languages.")]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("B2", "B2"),
        ("c1", "C1"),
        ("I think B1", "B1"),
        ("native", "native"),
        ("fluent", None),
        ("very good", None),
        ("not sure", None),
    ],
)
def test_level_when_asked(text: str, level: str | None) -> None:
    assert value(read_texts(text, asked="level.nl"), "language_levels.nl") == level


LICENCES = [
    ("en", "B, CE and forklift", {"B", "CE", "forklift"}), ("en", "b", {"B"}), ("en", "C+E", {"CE"}), ("en", "category B and C1", {"B", "C1"}),
    ("nl", "rijbewijs B en heftruck", {"B", "forklift"}), ("nl", "be", {"BE"}), ("nl", "B en VCA", {"B", "VCA"}), ("nl", "geen", {"none"}),
    ("de", "Führerschein Klasse B und CE", {"B", "CE"}), ("de", "Staplerschein", {"forklift"}), ("de", "keinen", {"none"}),
    ("pl", "kat. B i C", {"B", "C"}), ("pl", "prawo jazdy B, wózki widłowe", {"B", "forklift"}), ("pl", "nie mam", {"none"}),
    ("es", "carnet B y C", {"B", "C"}), ("es", "carretillero, carnet de conducir B", {"B", "forklift"}), ("es", "ninguno", {"none"}),
    ("ro", "permis categoria B", {"B"}), ("ro", "stivuitor", {"forklift"}), ("ro", "nu am permis", {"none"}),
    ("uk", "категорії В, С", {"B", "C"}), ("uk", "права B і навантажувач", {"B", "forklift"}), ("uk", "немає", {"none"}),
    ("ar", "رخصة قيادة B", {"B"}), ("ar", "رافعة شوكية", {"forklift"}), ("ar", "لا يوجد", {"none"}), ("en", "No licence", {"none"}),
    ("en", "B but no C", {"B"}), ("en", "code 95 and ADR", {"code95", "ADR"}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "held"), LICENCES)
def test_licences_when_asked(language: str, text: str, held: set[str]) -> None:
    reading = read_texts(text, asked="licences", language=language)
    assert {fact.value["type"] for fact in reading.facts if fact.field.startswith("licences.")} == held


@pytest.mark.parametrize(
    "text", ["I want to be a forklift driver", "I can be there at 9", "Vitamin B", "a de la", "plan B", "no problem"]
)
def test_letters_by_the_way_are_no_licence(text: str) -> None:
    assert not [fact for fact in read_texts(text).facts if fact.field.startswith("licences.")]


def test_several_facts_in_one_sentence_are_each_quoted() -> None:
    reading = read_texts(
        "Hi I'm Anna from Utrecht. I can start in 2 weeks, I speak Dutch B2 and I have driving licence B."
    )
    assert {fact.field for fact in reading.facts} == {
        "name", "city", "availability", "languages.nl", "language_levels.nl", "licences.B",
    }  # fmt: skip


def test_what_touches_health_or_belief_is_not_extracted() -> None:
    reading = read_texts("I am pregnant and I live in Utrecht", "I speak Dutch B2")
    assert {fact.field for fact in reading.facts} == {"languages.nl", "language_levels.nl"}


def test_shared_place_gives_its_town_and_coarse_coordinates() -> None:
    place = Location(
        latitude=52.090737,
        longitude=5.121420,
        name="Utrecht Centraal",
        address="Stationsplein 1, 3511 ED Utrecht, Nederland",
    )
    said = Said(message_id="m", text=place_text(place), at=AT, kind=Kind.LOCATION, location=place)
    (fact,) = read_turn([said], "city", "nl", ZONE).facts
    assert fact.value == {"city": "Utrecht", "latitude": 52.09, "longitude": 5.12}
    assert occurs(fact.quote, said.text)


@given(
    texts=st.lists(st.text(max_size=80), min_size=1, max_size=3),
    asked=st.sampled_from(["", *Field, "level.nl"]),
    language=st.sampled_from(LANGUAGES),
)
@settings(deadline=None)
def test_any_text_gives_only_valid_facts_with_true_quotes(texts: list[str], asked: str, language: str) -> None:
    read_texts(*texts, asked=asked, language=language)
