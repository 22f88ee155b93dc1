"""A candidate comes with a vacancy's code: pitch, application, comparison for the recruiter. Over the whole service."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.database.vacancies import Application
from app.recruiting.vacancy_file import check_file
from tests.chatwoot.test_towards_candidates import until_noted
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.stack import Phone, Stack, until_true
from tests.understanding.test_replay import replayed

EXAMPLES = Path(__file__).parents[2] / "examples" / "vacancies.toml"
ANSWERS = ("Anna de Vries", "warehouse work", "Utrecht", "immediately", "English B1", "forklift")
# Must-haves first, and nobody asks which work.
FOR_A_VACANCY = (
    "forklift",
    "B1",
    "Anna de Vries",
    "Utrecht",
    "immediately",
    "English",
)


@pytest.fixture
async def jobs(desk: Stack, tmp_path: Path) -> Stack:
    """The desk with the example vacancies open; their days lie ahead, whenever this runs."""
    ahead = tmp_path / "vacancies.toml"
    ahead.write_text(EXAMPLES.read_text().replace("2027-", f"{datetime.now(UTC).year + 1}-"))
    await desk.record.vacancies.store(check_file(ahead).vacancies)
    return desk


async def greeted_to_profile(phone: Phone, first: str, **fields: object) -> str:
    """From the first words to the first question of the profile; what was said with that question."""
    await phone.exchange(first, **fields)
    await phone.exchange(type="tap", option="Start")
    return str((await phone.exchange(type="tap", option="Yes, I agree"))["text"])


async def confirmed(phone: Phone, answers: tuple[str, ...] = ANSWERS) -> None:
    for answer in answers:
        said = await phone.exchange(answer)
    assert "This is what I noted" in said["text"], said
    await phone.exchange(type="tap", option="Correct")


async def application(desk: Stack, phone: Phone, code: str) -> Application | None:
    return await desk.record.vacancies.application((await phone.view()).candidate_id, code)


async def test_who_comes_with_a_code_hears_of_the_work_and_the_recruiter_sees_the_comparison(jobs: Stack) -> None:
    phone = await jobs.candidate()
    said = await greeted_to_profile(phone, "Hello, I am interested in #WH-102")
    assert "Warehouse operator" in said
    assert "€14.50 - €16.20 per hour" in said
    assert said.rstrip().endswith("?")
    begun = await application(jobs, phone, "WH-102")
    assert begun is not None
    assert (begun.status, begun.must_have_results) == ("screening", [])

    await confirmed(phone, FOR_A_VACANCY)
    assert sum("€14.50" in reply["text"] for reply in await phone.replies()) == 1
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    note = (await until_noted(jobs, conversation, "Match with WH-102")).content or ""
    assert "met: Forklift certificate — “forklift”" in note
    assert "Score**: 100 of 100, band A" in note
    assert "**Fast lane**: all must-haves are met, and 100 points" in note
    reviewed = await application(jobs, phone, "WH-102")
    assert reviewed is not None
    assert reviewed.status == "awaiting_review"
    assert {result["id"]: result["verdict"] for result in reviewed.must_have_results} == {
        "forklift": "met", "english": "met",
    }  # fmt: skip
    cited = {fact["message_id"] for result in reviewed.must_have_results for fact in result["evidence"]}
    assert cited <= {line.message_id for line in (await phone.view()).transcript}
    kept = jobs.chatwoot.store.state.conversations[conversation]

    async def shown() -> bool:
        labelled = {"vacancy-wh-102", "fast-lane"} <= set(kept.label_list)
        return labelled and kept.custom_attributes.get("vacancy") == "WH-102"

    await until_true(shown, what="label and attribute")

    await jobs.recruiter(conversation, content="/match", private=True)
    answer = (await until_noted(jobs, conversation, "**Application**: awaiting review")).content or ""
    assert "Match with WH-102" in answer
    again = await replayed(jobs, (await phone.view()).address)
    assert again["differing"] == 0, again


async def test_without_a_code_nothing_is_guessed_and_match_suggests(jobs: Stack) -> None:
    phone = await jobs.candidate()
    said = await greeted_to_profile(phone, "Hello, I am number #1 for the job [urgent] in WH-102")
    assert "per hour" not in said
    assert "vacancy" not in (await phone.view()).intake
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    await phone.exchange("Anna")
    await phone.exchange("truck driver")
    await jobs.recruiter(conversation, content="/match", private=True)
    note = (await until_noted(jobs, conversation, "No vacancy is linked")).content or ""
    listed = [line for line in note.splitlines() if line.startswith("- **")]
    assert len(listed) == 3
    assert "TR-207" in listed[0]
    assert "same words as the wanted work: truck, driver" in listed[0]


async def test_an_ad_leads_to_its_vacancy_and_a_recruiters_attributes_stay(jobs: Stack) -> None:
    phone = await jobs.candidate()
    await phone.exchange("Hello")
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    kept = jobs.chatwoot.store.state.conversations[conversation]
    await jobs.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json={"custom_attributes": {"desk": "7"}})
    referral = {"source_type": "ad", "source_id": "120210000000001", "source_url": "https://fb.me/x"}
    await phone.exchange("I saw your ad", referral=referral)

    async def shown() -> bool:
        return kept.custom_attributes == {"desk": "7", "vacancy": "WH-102"}

    await until_true(shown, what="both attributes")
    assert await application(jobs, phone, "WH-102") is None  # nothing begins before the consent


async def test_whoever_comes_back_for_another_vacancy_applies_for_it_with_what_is_known(jobs: Stack) -> None:
    phone = await jobs.candidate()
    await greeted_to_profile(phone, "Hello")
    await confirmed(phone)
    said = await phone.exchange("I am also interested in #TR-207")
    assert "Truck driver CE" in said["text"]
    second = await application(jobs, phone, "TR-207")
    assert second is not None
    assert second.status == "awaiting_review"
    assert second.must_have_results[0]["verdict"] == "not_met"
    assert second.must_have_results[0]["on_fail"] == "human_review"
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    note = (await until_noted(jobs, conversation, "Match with TR-207")).content or ""
    assert "Also open" in note
    assert "WH-102" in note
    assert not any("reject" in reply["text"].lower() for reply in await phone.replies())


async def test_a_closed_vacancy_is_said_to_be_closed_and_takes_no_application(jobs: Stack) -> None:
    (example, *_) = check_file(EXAMPLES).vacancies
    await jobs.record.vacancies.store([msgspec.structs.replace(example, code="WH-900", status="closed")])
    phone = await jobs.candidate()
    said = await greeted_to_profile(phone, "Hello #wh-900")
    assert "closed" in said
    assert "€" not in said
    assert await application(jobs, phone, "WH-900") is None


async def test_must_haves_are_asked_with_buttons_and_a_no_goes_to_a_person(jobs: Stack) -> None:
    phone = await jobs.candidate()
    said = await greeted_to_profile(phone, "Hello, I am interested in #WH-102")
    assert "Forklift" in said.splitlines()[-1]
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    said = str((await phone.exchange(type="tap", option="No"))["text"])
    assert "A recruiter will look at this personally" in said
    note = (await until_noted(jobs, conversation, "Must-have not met")).content or ""
    assert "Forklift certificate" in note
    assert "“No”" in note or '"No"' in note
    kept = jobs.chatwoot.store.state.conversations[conversation]

    async def queued() -> bool:
        return "review-must-have" in kept.label_list

    await until_true(queued, what="the label of what a person has to decide")
    said = str((await phone.exchange(type="tap", option="Not sure"))["text"])
    assert said == "What is your name?"
    assert (await until_noted(jobs, conversation, "Must-have left open")).content

    for answer in ("Anna de Vries", "Utrecht", "immediately", "Polish B2", "B"):
        said = str((await phone.exchange(answer))["text"])
    assert "no forklift" in said, "the answer is read back"
    await phone.exchange(type="tap", option="Correct")
    replies = [str(reply["text"]).lower() for reply in await phone.replies()]
    assert sum("a recruiter will look at this" in reply for reply in replies) == 1
    assert not any(word in reply for reply in replies for word in ("reject", "unfortunately", "not suitable"))
    assert len(replies) <= 12
    reviewed = await application(jobs, phone, "WH-102")
    assert reviewed is not None
    assert reviewed.status == "awaiting_review"
    assert {one["id"]: one["verdict"] for one in reviewed.must_have_results} == {
        "forklift": "not_met", "english": "unknown",
    }  # fmt: skip
    facts = {fact.field: fact.quote for fact in (await phone.view()).facts}
    assert facts["licences.forklift"] == "No"
    assert "fast-lane" not in kept.label_list


async def test_a_second_vacancy_asks_only_what_it_needs_besides(jobs: Stack) -> None:
    phone = await jobs.candidate()
    await greeted_to_profile(phone, "Hello, I am interested in #WH-102")
    await confirmed(phone, FOR_A_VACANCY)
    said = str((await phone.exchange("and #TR-207"))["text"])
    assert "CE" in said.splitlines()[-1]
    begun = await application(jobs, phone, "TR-207")
    assert begun is not None
    assert begun.status == "screening"
    said = str((await phone.exchange("yes, since 2015"))["text"])
    assert "This is what I noted" in said
    await phone.exchange(type="tap", option="Correct")
    reviewed = await application(jobs, phone, "TR-207")
    assert reviewed is not None
    assert (reviewed.status, reviewed.must_have_results[0]["verdict"]) == ("awaiting_review", "met")


async def test_a_question_is_answered_from_approved_facts_and_another_by_a_person(jobs: Stack) -> None:
    phone = await jobs.candidate()
    await greeted_to_profile(phone, "Hello, I am interested in #WH-102")
    said = str((await phone.exchange("Yes. Do you pay travel costs?"))["text"])
    assert "Travel costs are paid from 10 km, up to 40 km a day." in said
    assert "How well do you speak English?" in said, "the answer counts, too"
    said = str((await phone.exchange("Is there a canteen?"))["text"])
    assert "I pass your question to a colleague, who will answer you here (expected by: " in said
    conversation = (await in_chatwoot(jobs, phone)).chatwoot.conversation_id
    assert await until_noted(jobs, conversation, "(answered from the approved facts: travel)")
    assert (await until_noted(jobs, conversation, "canteen")).content == "The candidate asks: Is there a canteen?"
    facts = {fact.field: fact.quote for fact in (await phone.view()).facts}
    assert facts == {"licences.forklift": "Yes"}
