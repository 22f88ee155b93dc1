"""What a candidate who comes for a vacancy is asked, over the whole graph."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.agents.graph import proven
from app.agents.state import Extracted
from app.recruiting.answers.closed import is_closed
from app.recruiting.evidence_values import rejection
from app.recruiting.intake import Intake
from app.recruiting.knockouts import Verdict
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.must_haves import next_question, settled
from app.recruiting.phrases import Phrasebook, phrases
from app.recruiting.profile import Fact
from app.recruiting.said import Said
from app.recruiting.vacancy import MustHave, Vacancy
from app.recruiting.vacancy_file import check_file
from tests.fixtures.agents import COMPANY, Talk

EXAMPLES = {one.code: one for one in check_file(Path(__file__).parents[2] / "examples" / "vacancies.toml").vacancies}
CONSENT = {
    "purpose": "whatsapp_intake", "granted": True, "text_version": "1", "language": "en", "message_id": "m",
    "method": "text",
}  # fmt: skip


async def begun(talk: Callable[..., Talk], vacancy: Vacancy | str = "WH-102", hello: str = "Hello") -> Talk:
    """Consented, the first question is open."""
    conversation = talk(vacancy=EXAMPLES[vacancy] if isinstance(vacancy, str) else vacancy)
    await conversation.say(hello)
    await conversation.say(conversation.tap("open:start"))
    await conversation.say(conversation.tap("consent:yes"))
    return conversation


def asked(conversation: Talk) -> str:
    return str((conversation.intake.get("asked") or {}).get("field", ""))


OTHER_WORK = {
    "en": "Sorry, wrong vacancy", "nl": "Dit is de verkeerde vacature", "de": "Das ist die falsche Stelle",
    "pl": "To nie ta oferta", "es": "No quiero este puesto", "ro": "Nu vreau acest post",
    "uk": "Це не та вакансія", "ar": "ليست هذه الوظيفة",
}  # fmt: skip


async def test_the_vacancy_answers_which_work_is_wanted(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    questions = [asked(conversation)]
    for answer in ("yes", "B1", "Anna", "Utrecht", "now", "English"):
        await conversation.say(answer)
        questions.append(asked(conversation))
    assert questions == ["licences.forklift", "level.en", "name", "city", "availability", "languages", "review"]
    assert verdicts(conversation) == [Verdict.MET, Verdict.MET]
    assert "Work:" not in conversation.said
    await conversation.say(conversation.tap("review:correct"))
    assert "Work:" not in (conversation.proposals[-1]["crm"]["note"] or "")


@pytest.mark.parametrize("language", OTHER_WORK)
async def test_whoever_came_for_other_work_is_asked_for_it(talk: Callable[..., Talk], language: str) -> None:
    conversation = await begun(talk)
    conversation.language = language
    await conversation.say(OTHER_WORK[language])
    assert "did not come for WH-102" in (conversation.proposals[-1]["crm"]["note"] or "")
    assert asked(conversation) == "name", "no must-have of that vacancy"
    await conversation.say("Anna")
    assert asked(conversation) == "role"


async def test_a_must_have_of_work_they_did_not_come_for_is_nothing_to_decide(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say(conversation.tap("licences.forklift:no"))
    assert "review-must-have" in conversation.proposals[-1]["crm"]["labels"]
    await conversation.say(OTHER_WORK["en"])
    assert "review-must-have" not in conversation.proposals[-1]["crm"]["labels"]


async def test_work_that_is_told_is_kept_beside_the_vacancy(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say("Wrong vacancy, I want to work as a cleaner")
    assert conversation.profile.role == "cleaner"
    assert asked(conversation) == "name"


# Every kind of must-have that a profile has a field for, each with answers that say yes, in eight languages.
RULES = {
    "licence": ("licences", "contains_any", ["CE"]),
    "shift": ("shifts", "contains_any", ["night"]),
    "contract": ("contract_preference", "contains_any", ["temporary"]),
    "transport": ("travel.own_transport", "true", None),
    "references": ("references_available", "true", None),
    "permit": ("right_to_work", "eq", "yes"),
    "certificate": ("certificates", "contains_any", ["BIG register"]),
    "skill": ("skills", "contains_any", ["MIG welding"]),
    "work": ("experience", "contains_any", ["order picker"]),
}
WORDS = {  # yes, no, neither
    "en": ("Yes, I do", "No, I don't", "What do you mean"), "nl": ("Ja, heb ik", "Nee, helaas niet", "Hoezo dan"),
    "de": ("Ja, klar", "Nein, leider nicht", "Wie meinen Sie das"), "pl": ("Tak, mam", "Nie mam", "Jak to"),
    "es": ("Sí, claro", "No, no tengo", "Cómo dice"), "ro": ("Da, am", "Nu am", "Cum adică"),
    "uk": ("Так, маю", "Ні, не маю", "Як це"), "ar": ("نعم، لدي", "ليس لدي", "ماذا تقصدون"),
}  # fmt: skip


def rule(name: str, number: int = 0) -> MustHave:
    field, op, value = RULES[name]
    reason = "The work cannot be done without it."
    return MustHave(id=f"{name}{number}", title=name, field=field, op=op, value=value, justification=reason)


def requiring(*rules: MustHave) -> Vacancy:
    return msgspec.structs.replace(EXAMPLES["WH-102"], must_haves=list(rules))


def verdicts(conversation: Talk) -> list[Verdict]:
    facts, intake = msgspec.convert(conversation.facts, list[Fact]), msgspec.convert(conversation.intake, Intake)
    assert conversation.vacancy is not None
    return [one.verdict for one in settled(conversation.vacancy, facts, intake)]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_yes_no_and_not_sure_are_heard_in_words_and_taps(talk: Callable[..., Talk], language: str) -> None:
    yes, no, neither = WORDS[language]
    vacancy = requiring(*(rule(name) for name in ("licence", "shift", "transport", "references", "permit")))
    conversation = await begun(talk, vacancy)
    conversation.language = language
    await conversation.say(yes)
    await conversation.say(no)
    await conversation.say(conversation.tap("travel.own_transport:yes"))
    await conversation.say(neither)
    assert asked(conversation) == "references_available", "clarified once"
    await conversation.say(neither)
    assert asked(conversation) == "right_to_work.NL"
    await conversation.say(conversation.tap("right_to_work.NL:unsure"))
    assert asked(conversation) == "name"
    met, not_met, unknown = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
    assert verdicts(conversation) == [met, not_met, met, unknown, unknown]
    quotes = {fact["field"]: fact["quote"] for fact in conversation.facts}
    assert quotes == {
        "licences.CE": yes,
        "shifts.night": no,
        "travel.own_transport": phrases(language).titles["yes_plain"],
    }
    assert conversation.unproven() == []
    notes = " ".join(proposal["crm"]["note"] or "" for proposal in conversation.proposals)
    assert f'not met: shift ("{no}")' in notes
    assert f'left open: references (answer: "{neither}")' in notes
    said = [line["text"] for line in conversation.transcript if line["author"] == "assistant"]
    assert sum(phrases(language).texts["must_have_review"] in text for text in said) == 1
    assert conversation.language == language
    assert conversation.owner == "assistant"


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_kind_of_must_have_has_its_question(talk: Callable[..., Talk], language: str, name: str) -> None:
    vacancy = requiring(rule(name))
    question = next_question(vacancy, [], Intake(vacancy=vacancy.code))
    assert is_closed(question)
    conversation = talk(language=language, vacancy=vacancy, consents=[CONSENT])
    await conversation.say("OK")
    assert asked(conversation) == question
    assert conversation.proposals[-1]["decision"]["agents"]["conversation"].get("blocked") is None, conversation.said
    assert Phrasebook(COMPANY).item(language, question) in conversation.said or name in {"transport", "references"}
    await conversation.say(WORDS[language][0])
    assert verdicts(conversation) == [Verdict.MET]
    assert asked(conversation) == "name"


async def test_a_late_tap_counts_for_its_own_question_and_costs_the_open_one_nothing(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    yes, unsure = conversation.tap("licences.forklift:yes"), conversation.tap("licences.forklift:unsure")
    await conversation.say(conversation.tap("licences.forklift:no"))
    await conversation.say(unsure)
    await conversation.say(unsure)
    assert conversation.intake["asked"] == {"field": "level.en"}, "no failed attempt"
    await conversation.say(yes)
    assert conversation.intake["asked"] == {"field": "level.en"}
    assert conversation.facts[-1]["value"] == {"type": "forklift"}
    assert verdicts(conversation)[0] is Verdict.MET


async def test_an_edited_answer_answers_the_same_question(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say("yes")
    said = conversation.transcript[-2]["message_id"]
    await conversation.say({"kind": "edit", "target_id": said, "text": "no, sorry"})
    assert verdicts(conversation)[0] is Verdict.NOT_MET
    assert conversation.facts[-1]["quote"] == "no, sorry"
    assert asked(conversation) == "level.en"


async def test_a_bare_yes_proves_nothing_where_something_else_was_asked(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    turn = conversation.turn("yes")
    said = Said(message_id="m", text="yes", at=conversation.now)
    fact = Fact(field="licences.forklift", value={"type": "forklift"}, quote="yes", message_id="m")
    assert rejection(fact, said, "en", conversation.context.zone, asked="licences.forklift") == ""
    for other in ("", "level.en", "licences.CE", "name"):
        assert rejection(fact, said, "en", conversation.context.zone, asked=other)
    no = msgspec.structs.replace(fact, value={"type": "forklift", "held": False})
    assert rejection(no, said, "en", conversation.context.zone, asked="licences.forklift")
    # The graph itself asks for that proof, whoever read the message.
    forged = Extracted(
        facts=[{**msgspec.to_builtins(fact), "message_id": turn["inbound"][0]["message_id"]}],
        vague=[],
        tier="x",
        decision={},
    )
    assert [one.field for one in proven(turn, forged, conversation.context.zone).facts] == ["licences.forklift"]
    turn["conversation"]["intake"] |= {"asked": {"field": "level.en"}}
    assert proven(turn, forged, conversation.context.zone).facts == []


async def test_a_vacancy_named_in_the_middle_is_told_and_asked_at_once(talk: Callable[..., Talk]) -> None:
    conversation = talk(language="en", consents=[CONSENT])
    await conversation.say("Hello there")
    await conversation.say("Anna")
    conversation.vacancy = EXAMPLES["WH-102"]
    await conversation.say("I mean #WH-102")
    assert "€14.50" in conversation.said
    assert asked(conversation) == "licences.forklift"
    for answer in ("yes", "B1", "Utrecht", "now", "English"):
        await conversation.say(answer)
    assert asked(conversation) == "review"
    conversation.vacancy = EXAMPLES["TR-207"]
    await conversation.say("#TR-207")
    assert asked(conversation) == "licences.CE", "a list of which one was asked is not whole"
    await conversation.say("yes")
    assert asked(conversation) == "review"


async def test_what_was_removed_is_not_asked_for_again(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say("yes")
    await conversation.say("remove my forklift licence")
    assert conversation.facts == []
    assert asked(conversation) == "level.en"
    assert verdicts(conversation)[0] is Verdict.UNKNOWN


async def test_a_handoff_tells_which_must_have_is_open(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say("I want to talk to a person")
    assert "**Open question:** Licences: forklift" in (conversation.proposals[-1]["crm"]["note"] or "")
