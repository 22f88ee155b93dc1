"""Candidates' questions about a vacancy: answered by rules from approved facts alone, in the words that exist."""

from collections.abc import Callable

import pytest

from app.recruiting.lexicon import LANGUAGES, TOPICS
from app.recruiting.phrases import Phrasebook, phrases
from app.recruiting.vacancy import pay_text
from app.recruiting.vacancy_answers import topics_of
from app.recruiting.vacancy_questions import questions_in, statement_of
from tests.fixtures.agents import COMPANY, Talk
from tests.vacancies.test_asked import CONSENT, EXAMPLES, asked, begun

ASKED = {
    "en": {
        "How much does it pay?": "pay", "what is the salary": "pay", "how much per hour": "pay",
        "And the pay?": "pay", "Do you pay travel costs?": "travel",
        "Hi, where is the job": "place", "When does it start?": "start", "how many hours a week?": "hours",
        "What are the shifts?": "hours", "is it a permanent contract?": "contract",
        "Is there housing?": "housing", "Do I get training?": "training", "Are work clothes provided?": "clothes",
    },
    "nl": {
        "Wat verdien ik?": "pay", "hoeveel betalen jullie": "pay", "En het loon?": "pay", "Waar is het werk?": "place",
        "Wanneer kan ik beginnen?": "start", "Hoeveel uur per week is het?": "hours",
        "Welke diensten zijn er?": "hours",
        "Is het een vast contract?": "contract", "Krijg ik reiskosten?": "travel", "Is er huisvesting?": "housing",
    },
    "de": {
        "Wie viel verdient man?": "pay", "was zahlt ihr pro stunde": "pay", "Wie hoch ist der Lohn?": "pay",
        "Wo ist die Arbeit?": "place", "Wann kann ich anfangen?": "start", "Wie viele Stunden pro Woche?": "hours",
        "Ist der Vertrag befristet?": "contract", "Werden Fahrtkosten bezahlt?": "travel",
        "Gibt es eine Unterkunft?": "housing",
    },
    "pl": {
        "Ile płacicie za godzinę?": "pay", "jaka jest stawka": "pay", "Gdzie jest praca?": "place",
        "Od kiedy można zacząć?": "start", "Ile godzin tygodniowo?": "hours", "Jaka umowa?": "contract",
        "Czy zwracacie koszty dojazdu?": "travel", "Czy jest zakwaterowanie?": "housing",
    },
    "es": {
        "¿Cuánto pagan?": "pay", "cuanto se cobra por hora": "pay", "¿Cuál es el sueldo?": "pay",
        "¿Dónde es el trabajo?": "place", "¿Cuándo empieza?": "start", "¿Cuántas horas a la semana?": "hours",
        "¿Qué tipo de contrato es?": "contract", "¿Pagan el transporte?": "travel", "¿Hay alojamiento?": "housing",
    },
    "ro": {
        "Cât plătiți pe oră?": "pay", "care este salariul": "pay", "Unde este locul de muncă?": "place",
        "Când începe lucrul?": "start", "Câte ore pe săptămână?": "hours", "Ce contract este?": "contract",
        "Plătiți transportul?": "travel", "Oferiți cazare?": "housing",
    },
    "uk": {
        "Скільки платять за годину?": "pay", "яка зарплата": "pay", "Де робота?": "place",
        "Коли можна почати?": "start", "Скільки годин на тиждень?": "hours", "Який договір?": "contract",
        "Чи оплачуєте проїзд?": "travel", "Чи є житло?": "housing",
    },
    "ar": {
        "كم الراتب؟": "pay", "كم تدفعون في الساعة": "pay", "أين العمل؟": "place", "متى أبدأ؟": "start",
        "كم ساعة في الأسبوع؟": "hours", "ما نوع العقد؟": "contract", "هل تدفعون المواصلات؟": "travel",
        "هل يوجد سكن؟": "housing",
    },
}  # fmt: skip
NOT_ASKED = {
    "en": [
        "I can start when you want", "Why do you ask?", "Where do I send my CV?", "I work 40 hours", "Is my data safe?",
        "I want 16 euro an hour", "Can I bring my friend?", "I have a contract now", "Do you need my address?",
        "I live in Utrecht, where I work", "Can work 40 hours",
    ],
    "nl": ["Ik kan 40 uur werken", "Waarom vraag je dat?", "Ik woon in Utrecht, waar ik werk", "Wie ben jij?"],
    "de": ["Warum fragen Sie das?", "Ich kann 40 Stunden arbeiten", "Wohin soll ich den Lebenslauf schicken?"],
    "pl": ["Po co to pytanie?", "Mogę pracować 40 godzin"], "es": ["¿Por qué lo preguntas?", "Puedo trabajar 40 horas"],
    "ro": ["De ce întrebați?", "Pot lucra 40 de ore"], "uk": ["Навіщо це?", "Можу працювати 40 годин"],
    "ar": ["لماذا تسأل؟", "أستطيع العمل 40 ساعة"],
}  # fmt: skip
PAY = {language: next(iter(questions)) for language, questions in ASKED.items()}
PAY["nl"] = "Hoeveel betalen jullie?"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_asked_about_is_told_by_its_words(language: str) -> None:
    found = {text: [one.topics for one in questions_in(text, language)] for text in ASKED[language]}
    wrong = {
        text: topics for text, topics in found.items() if len(topics) != 1 or ASKED[language][text] not in topics[0]
    }
    assert wrong == {}
    assert {"pay", "hours", "place", "start", "contract", "travel"} <= set(ASKED[language].values()) <= set(TOPICS)
    for text in NOT_ASKED[language]:
        assert [one.topics for one in questions_in(text, language) if one.topics] == [], text


def test_an_answer_beside_a_question_is_the_rest_of_the_message() -> None:
    assert statement_of("Utrecht. And what does it pay?", "en").strip(" .") == "Utrecht"
    assert statement_of("What is the pay? I live in Utrecht", "en").strip() == "I live in Utrecht"
    for whole in ("Utrecht?", "I do not understand. Which town?", "What is the pay?", "Utrecht."):
        assert statement_of(whole, "en") == whole, "only where lists know what is asked"


def test_the_examples_facts_are_about_what_they_say() -> None:
    about = {(code, fact.id): topics_of(fact, one) for code, one in EXAMPLES.items() for fact in one.approved}
    assert about == {
        ("WH-102", "travel"): ("travel",), ("WH-102", "contract"): ("contract",), ("TR-207", "hours"): ("hours",),
        ("CL-031", "training"): ("training",),
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_question_is_answered_in_the_candidates_language_and_the_open_one_stands(
    talk: Callable[..., Talk], language: str
) -> None:
    conversation = await begun(talk)
    conversation.language = language
    await conversation.say(PAY[language])
    answer, question = conversation.said.split("\n\n")
    assert pay_text(EXAMPLES["WH-102"], language) in answer
    assert question == Phrasebook(COMPANY).text(
        language, "ask_held", item=Phrasebook(COMPANY).item(language, "licences.forklift")
    )
    assert asked(conversation) == "licences.forklift"
    note = conversation.proposals[-1]["crm"]["note"]
    assert note == f"The candidate asks: {PAY[language]} (answered from the approved facts: pay)"
    travel = next(text for text, topic in ASKED[language].items() if topic == "travel")
    await conversation.say(travel)
    own = EXAMPLES["WH-102"].approved[0].text
    assert isinstance(own, dict)
    if language in own:
        assert f": {own[language]}\n" in conversation.said
    else:  # as it is, not by guess
        assert own["en"] in conversation.said
        assert f": {own['en']}" not in conversation.said, "quoted"
    assert conversation.proposals[-1]["decision"]["agents"]["conversation"].get("blocked") is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_no_fact_answers_goes_to_a_person_by_a_promised_time(
    talk: Callable[..., Talk], language: str
) -> None:
    conversation = await begun(talk)
    conversation.language = language
    housing = next(text for text, topic in ASKED[language].items() if topic == "housing")
    await conversation.say(housing)
    assert "11:00" in conversation.said, "a working day of eight hours after Monday 10:00"
    assert conversation.said.startswith(phrases(language).texts["question_later"].partition("{")[0])
    assert conversation.proposals[-1]["crm"]["note"] == f"The candidate asks: {housing}"
    await conversation.say(f"{PAY[language]} {housing}")
    assert pay_text(EXAMPLES["WH-102"], language) in conversation.said
    assert "11:00" in conversation.said, "one of two is answered, the other is promised"
    assert asked(conversation) == "licences.forklift"
    assert "attempts" not in conversation.intake["asked"]


async def test_a_question_and_an_answer_in_one_message_get_both(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    pay = "€14.50 - €16.20"
    for said, field in (
        ("Yes. What is the salary?", "level.en"),
        ("B1, and how much does it pay?", "name"),
        ("Anna Jansen. What does it pay?", "city"),
        ("What is the pay? Utrecht", "availability"),
        ("now, what's the hourly rate?", "languages"),
    ):
        await conversation.say(said)
        assert pay in conversation.said, said
        assert asked(conversation) == field, said
    assert conversation.unproven() == []
    profile = conversation.profile
    assert (profile.name, profile.city, profile.licences) == ("Anna Jansen", "Utrecht", ["forklift"])
    assert {fact["field"]: fact["quote"] for fact in conversation.facts}["licences.forklift"] == "Yes"


async def test_the_vacancy_answers_before_consent_and_after_the_end(talk: Callable[..., Talk]) -> None:
    conversation = talk(vacancy=EXAMPLES["TR-207"])
    await conversation.say("Hello")
    await conversation.say("How many hours a week?")
    assert "45 hours" in conversation.said
    assert conversation.facts == []
    done = talk(vacancy=EXAMPLES["TR-207"], language="en", consents=[CONSENT])
    done.intake = {"stage": "done", "told": ["pitch:TR-207", "done"]}
    await done.say("What is the pay?")
    assert "€2,750 - €3,150 per month" in done.said
    closed = talk(language="en", consents=[CONSENT])
    closed.intake = {"stage": "done", "told": ["done"]}
    await closed.say("What is the pay?")
    assert "€" not in closed.said, "no vacancy, no facts"
    assert closed.said.startswith("I pass your question")
