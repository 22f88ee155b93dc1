"""The language we answer in follows what the candidate writes, and nothing else."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import psutil
import pytest

from app.recruiting.languages import build_detector, country_of, follow, language_of_country

FIRST = {
    "en": ["hello, I would like to apply for a job", "Hi there, is the warehouse job still open?"],
    "nl": ["Hoi", "Hallo, ik zoek werk in Utrecht", "goedemorgen"],
    "de": ["Guten Tag, ich suche Arbeit", "Moin", "Hallo ich möchte mich bewerben"],
    "pl": ["Cześć", "Dzień dobry", "Szukam pracy jako kierowca", "czesc szukam pracy"],
    "es": ["Hola", "Buenas tardes", "quiero trabajar de camarero", "hola busco trabajo"],
    "ro": ["Bună ziua", "caut un loc de munca", "Salut, caut de lucru"],
    "uk": ["Добрий день", "Привіт", "шукаю роботу водієм"],
    "ar": ["مرحبا", "السلام عليكم", "ابحث عن عمل"],
}
SWITCHES = [
    ("en", "Kunnen we in het Nederlands verder praten?", "nl"),
    ("nl", "Can we continue in English please?", "en"),
    ("nl", "Sorry, I don't understand this question, what do you mean?", "en"),
    ("en", "Können wir auf Deutsch weitermachen?", "de"),
    ("en", "Nie rozumiem tego pytania, czy można po polsku?", "pl"),
    ("en", "No entiendo la pregunta, ¿puede ser en español?", "es"),
    ("en", "Nu înțeleg întrebarea, putem vorbi în română?", "ro"),
    ("en", "Я не розумію, можна українською?", "uk"),
    ("en", "لا أفهم السؤال، هل يمكن التحدث بالعربية؟", "ar"),
    ("nl", "English please", "en"),
    ("de", "po polsku proszę", "pl"),
    ("uk", "Can I write in English? My Ukrainian is not so good", "en"),
]
STAYS = [
    ("en", "ok"), ("en", "Maria Garcia"), ("en", "Rotterdam"), ("en", "Piet van der Berg"), ("nl", "Jan"),
    ("nl", "forklift driver"), ("nl", "Warehouse"), ("de", "Rio de Janeiro"), ("de", "no"), ("pl", "ok"), ("pl", "Den Haag"),
    ("es", "Amsterdam"), ("es", "B, CE"), ("uk", "B2"), ("uk", "ok"), ("ar", "Berlin"), ("ar", "ok"), ("ar", "B"), ("en", "1/12"),
    ("en", "👍"), ("ro", "Ion Popescu"), ("nl", "https://example.com/some/page"), ("en", "Świętochłowice"),
    ("nl", "anna.kowalska@example.com"), ("de", "Yes"), ("nl", "C'est quoi cette question, je ne comprends pas"),
    ("nl", "я ищу работу водителем"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in FIRST.items() for text in texts])
def test_first_message_decides(language: str, text: str) -> None:
    assert follow("", [text], build_detector()) == language


@pytest.mark.parametrize(("current", "text", "wanted"), SWITCHES)
def test_prose_or_a_request_changes_the_language(current: str, text: str, wanted: str) -> None:
    assert follow(current, [text], build_detector()) == wanted


@pytest.mark.parametrize(("current", "text"), STAYS)
def test_names_towns_short_answers_and_foreign_languages_do_not(current: str, text: str) -> None:
    assert follow(current, [text], build_detector()) == current


@pytest.mark.parametrize("asked", ["languages", "name"])
def test_naming_languages_as_an_answer_is_no_request(asked: str) -> None:
    assert follow("en", ["I speak English, Dutch and Polish"], build_detector(), asked=asked) == "en"
    assert follow("nl", ["Engels"], build_detector(), asked="languages") == "nl"
    assert follow("en", ["English"], build_detector(), asked="languages") == "en"
    assert follow("pl", ["English"], build_detector(), asked="languages") == "pl"


@pytest.mark.parametrize(
    ("text", "country", "wanted"),
    [("ok", "NL", "nl"), ("hi", "PL", "en"), ("?", "UA", "uk"), ("👋", "MA", "ar"), ("Hallo", "DE", "de"), ("Hallo", "NL", "nl"),
     ("ok", "BE", "nl"), ("ok", "AT", "de"), ("ok", "MX", "es"), ("ok", "MD", "ro"), ("ok", "FR", "en"), ("ok", "", "en")],
)  # fmt: skip
def test_without_words_the_phones_country_helps_the_first_greeting(text: str, country: str, wanted: str) -> None:
    assert follow("", [text], build_detector(), country=country) == wanted


def test_country_comes_from_the_phone_number_or_the_business_scoped_id() -> None:
    assert country_of("31612345678") == "NL"
    assert country_of("4915112345678") == "DE"
    assert country_of("", "PL.Ab12Cd") == "PL"
    assert country_of("") == ""
    assert country_of("not a number") == ""
    assert language_of_country("XX") == "en"


def test_detector_is_small() -> None:
    before = psutil.Process().memory_info().rss
    build_detector().guess("a sentence that loads the models of every language we know")
    assert psutil.Process().memory_info().rss - before < 80 * 1024 * 1024
