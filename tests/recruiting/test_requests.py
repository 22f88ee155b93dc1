"""Short requests for a person, and requests that have nothing to do with work, in eight languages."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import pytest

from app.recruiting.interrupts import Intent, in_text
from app.recruiting.lexicon import LANGUAGES

PERSON = {
    "en": [
        "human",
        "a person",
        "real person",
        "Colleague please",
        "a human being",
        "recruiter please",
        "an employee please",
        "I want an agent",
        "live agent",
        "someone real",
    ],
    "nl": [
        "mens",
        "Een mens graag",
        "collega",
        "een collega",
        "echte persoon",
        "een echt iemand",
        "medewerker graag",
        "ik wil een medewerker",
        "ik wil graag een medewerker",
        "iemand spreken",
    ],
    "de": [
        "Mensch",
        "Kollege",
        "Kollegin",
        "eine Kollegin bitte",
        "echte Person",
        "eine Person",
        "ein echter Mitarbeiter",
        "Mitarbeiter bitte",
        "ich möchte einen Mitarbeiter",
        "Ansprechpartner",
    ],
    "pl": [
        "człowiek",
        "kolega",
        "koleżanka",
        "żywy człowiek",
        "prawdziwa osoba",
        "osoba",
        "poproszę pracownika",
        "konsultant proszę",
        "poproszę człowieka",
        "chcę pracownika",
    ],
    "es": [
        "humano",
        "persona",
        "una persona",
        "persona real",
        "un compañero",
        "una colega por favor",
        "ser humano",
        "un empleado por favor",
        "quiero un empleado",
        "agente humano",
    ],
    "ro": [
        "om",
        "un om",
        "persoană reală",
        "o persoană",
        "coleg",
        "un coleg vă rog",
        "om adevărat",
        "un angajat vă rog",
        "vreau un operator",
        "operator uman",
    ],
    "uk": [
        "людина",
        "жива людина",
        "людину будь ласка",
        "справжня людина",
        "колега",
        "оператор будь ласка",
        "потрібен оператор",
        "дайте працівника",
        "когось живого",
        "рекрутер, будь ласка",
    ],
    "ar": [
        "إنسان",
        "شخص",
        "شخص حقيقي",
        "زميل",
        "زميل من فضلك",
        "موظف من فضلك",
        "أريد موظف",
        "اريد شخص",
        "بشر",
        "إنسان حقيقي",
    ],
}
# Alone, these ask for a person; where the work is asked for they are the answer.
WORK = {
    "en": ["employee", "operator", "Manager"], "nl": ["medewerker", "Medewerkster"], "de": ["Mitarbeiter", "Mitarbeiterin", "Sachbearbeiter"],
    "pl": ["pracownik", "konsultant", "operator"], "es": ["empleado", "agente", "encargada"], "ro": ["angajat", "operator", "consultant"],
    "uk": ["оператор", "працівник", "менеджер"], "ar": ["موظف", "مدير", "عامل"],
}  # fmt: skip
NO_REQUEST = [
    "Mitarbeiter im Lager", "Lagermitarbeiter", "medewerker logistiek", "logistiek medewerker", "productiemedewerker", "ich möchte als Mitarbeiter arbeiten",
    "ik wil medewerker worden in een magazijn", "operator wózka", "pracownik produkcji", "empleado de almacén", "operario", "operator producție", "оператор верстата",
    "موظف استقبال", "warehouse employee", "machine operator", "I was a manager", "people manager", "My colleague works here", "mi compañero trabaja con vosotros",
    "Kollegen arbeiten bei euch", "personal", "agent de pază",
]  # fmt: skip


def intents(text: str, language: str, asked: str = "") -> set[Intent]:
    return {intent for intent, _ in in_text(text, language, asked)}


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in PERSON.items() for text in texts])
def test_a_person_is_asked_for_in_a_word_or_two_at_any_question(language: str, text: str) -> None:
    assert Intent.HUMAN in intents(text, language)
    assert Intent.HUMAN in intents(text, language, "role")


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in WORK.items() for text in texts])
def test_a_bare_word_for_staff_is_a_request_unless_work_is_asked_for(language: str, text: str) -> None:
    assert Intent.HUMAN in intents(text, language)
    assert Intent.HUMAN not in intents(text, language, "role")


@pytest.mark.parametrize("text", NO_REQUEST)
def test_jobs_and_colleagues_in_a_sentence_are_no_request(text: str) -> None:
    for language in LANGUAGES:
        assert Intent.HUMAN not in intents(text, language), language


OFF_TOPIC = {
    "en": [
        "write me a poem about tulips",
        "What is the weather like tomorrow?",
        "tell me a joke",
        "can you do my homework",
        "give me a recipe for soup",
    ],
    "nl": [
        "schrijf een gedicht voor mij",
        "Wat voor weer wordt het morgen?",
        "vertel eens een mop",
        "kun je mijn huiswerk maken",
        "heb je een recept voor soep",
    ],
    "de": [
        "schreib mir ein Gedicht",
        "Wie wird das Wetter morgen?",
        "erzähl mir einen Witz",
        "hilf mir bei den Hausaufgaben",
        "hast du ein Rezept für Suppe",
    ],
    "pl": [
        "napisz mi wiersz",
        "jaka jutro pogoda?",
        "opowiedz mi dowcip",
        "zrób moje zadanie domowe",
        "daj mi przepis na zupę",
    ],
    "es": [
        "escríbeme un poema",
        "¿qué tiempo hace hoy?",
        "cuéntame un chiste",
        "haz mis deberes",
        "dame una receta de sopa",
    ],
    "ro": ["scrie-mi o poezie", "cum e vremea azi?", "spune-mi o glumă", "fă tema mea", "dă-mi o rețetă de supă"],
    "uk": ["напиши мені вірш", "яка завтра погода?", "розкажи анекдот", "зроби домашнє завдання", "дай рецепт борщу"],
    "ar": ["اكتب لي قصيدة", "كيف الطقس اليوم؟", "احك لي نكتة", "ساعدني في الواجب", "أعطني وصفة الحساء"],
}
ON_TOPIC = [
    "I write code", "I worked as a weather presenter", "how much does it pay?", "what is the address?", "I can cook by recipe", "ik schrijf rapporten", "what happens with my data?",
    "Koch mit eigenen Rezepten", "I studied poetry", "what work do you have?", "ik schrijf code", "ich schreibe Code", "escribo código", "scriu cod", "is there work tomorrow?", "Ich helfe meinen Kindern", "programista", "nauczyciel",
    "¿qué tiempo de contrato es?", "am lucrat la meteo", "я програміст", "أعمل طباخ", "أكتب كود",
]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in OFF_TOPIC.items() for text in texts])
def test_requests_about_something_else_are_heard_and_are_no_question_for_recruiters(language: str, text: str) -> None:
    found = intents(text, language)
    assert Intent.OFF_TOPIC in found
    assert Intent.QUESTION not in found


@pytest.mark.parametrize("text", ON_TOPIC)
def test_work_and_questions_about_it_are_on_topic(text: str) -> None:
    for language in LANGUAGES:
        assert Intent.OFF_TOPIC not in intents(text, language), language
