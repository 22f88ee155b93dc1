"""What a candidate who comes for a vacancy is asked, over the whole graph."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_file import check_file
from tests.fixtures.agents import Talk

EXAMPLES = {one.code: one for one in check_file(Path(__file__).parents[2] / "examples" / "vacancies.toml").vacancies}


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
    for answer in ("Anna", "Utrecht", "now", "English B1", "forklift"):
        await conversation.say(answer)
        questions.append(asked(conversation))
    assert "role" not in questions
    assert questions[-1] == "review"
    assert "Work:" not in conversation.said
    await conversation.say(conversation.tap("review:correct"))
    assert "Work:" not in (conversation.proposals[-1]["crm"]["note"] or "")


@pytest.mark.parametrize("language", OTHER_WORK)
async def test_whoever_came_for_other_work_is_asked_for_it(talk: Callable[..., Talk], language: str) -> None:
    conversation = await begun(talk)
    conversation.language = language
    await conversation.say(OTHER_WORK[language])
    assert "did not come for WH-102" in (conversation.proposals[-1]["crm"]["note"] or "")
    await conversation.say("Anna")
    assert asked(conversation) == "role"


async def test_work_that_is_told_is_kept_beside_the_vacancy(talk: Callable[..., Talk]) -> None:
    conversation = await begun(talk)
    await conversation.say("Wrong vacancy, I want to work as a cleaner")
    assert conversation.profile.role == "cleaner"
    assert asked(conversation) == "name"
