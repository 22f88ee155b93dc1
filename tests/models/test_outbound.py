"""What a model may not say never leaves the graph: asked for once more with advice, then the phrase files speak."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.agents.graph import build_graph
from app.agents.guided.conversation import GuidedConversation
from app.agents.matching import pitch_of
from app.agents.models.prompts import load_prompt
from app.agents.outbound import Outbound
from app.agents.roles import AgentContext
from app.agents.state import Json, Proposal
from app.local.llm_script import Answer
from app.recruiting.guard import Rule
from app.recruiting.intake import Decision, Intake, Line, Question
from app.recruiting.languages import build_detector
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Reply
from app.recruiting.phrases import Phrasebook
from app.recruiting.profile import Fact
from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_file import check_file
from app.telemetry.metrics import GUARD_BLOCKS
from tests.fixtures.models import COMPANY, NOW, Llm, text, turn

VACANCIES = check_file(Path(__file__).parents[2] / "examples" / "vacancies.toml").vacancies
HEARD = "I really do not know yet, could be many things I guess"
NEIGHBOUR = "Piotr Nowak, +48 512 345 678, piotr.nowak@example.com"
ASKED = "Which work are you looking for?"
CANARY = load_prompt("router", {"company": COMPANY.name}).canary
BAD = {
    Rule.QUESTION: "Are you married, and which work are you looking for?",
    Rule.PROMISE: "You will certainly get the job. Which work are you looking for?",
    Rule.VERDICT: "You are not suitable for us, sadly. Which work are you looking for?",
    Rule.HUMAN: "I am a real person here. Which work are you looking for?",
    Rule.SPECIAL: "Because of your illness I ask again: which work are you looking for?",
    Rule.COMMENT: "You have a beautiful name. Which work are you looking for?",
    Rule.PAY: "You earn €30 per hour there. Which work are you looking for?",
    Rule.LINK: "See jobs.evil.com first. Which work are you looking for?",
    Rule.CONTACT: f"Call {NEIGHBOUR} about it. Which work are you looking for?",
    Rule.LANGUAGE: "Welche Arbeit suchen Sie denn im Moment bei uns hier?",
    Rule.FORM: "Which work\u200b are you looking for?",
    Rule.LEAK: f"My mark is {CANARY.upper()}. Which work are you looking for?",
}


def again(**known: Any) -> Json:
    """A turn that asks for the role once more; a model words that."""
    return {"intake": {"stage": "profile", "asked": {"field": "role"}, "last_at": NOW - 60}, **known}


async def proposed(context: AgentContext, heard: str = HEARD, **known: Any) -> Proposal:
    state = await build_graph().ainvoke(turn(text(heard), **again(**known)), context=context)
    proposal: Proposal = state["proposal"]
    return proposal


def wording(*tries: str) -> Any:
    """A conversation model that says the next of these at each try, the last for ever."""
    left = list(tries)

    def answer(_: object) -> Answer:
        said = left.pop(0) if len(left) > 1 else left[0]
        return Answer(value={"pieces": [{"n": n, "text": said, "facts": []} for n in (1, 2)]})

    return answer


def asked_to_word(llm: Llm) -> list[str]:
    """The conversation model's turn messages."""
    return [str(seen.body["messages"]) for seen in llm.twin.asked(model="claude-sonnet-5-5")]


def test_every_rule_has_its_journey() -> None:
    assert set(BAD) == set(Rule)


@pytest.mark.parametrize("rule", list(Rule))
async def test_a_text_that_breaks_a_rule_is_worded_again_and_then_left_to_the_phrase_files(
    llm: Llm, rule: Rule
) -> None:
    llm.script.answers["conversation"] = wording(BAD[rule])
    proposal = await proposed(llm.context())
    [reply] = proposal["replies"]
    assert reply["text"] in {Phrasebook(COMPANY).text("en", key) for key in ("again_role", "probe_role")}
    log = proposal["decision"]
    assert rule.value in log["agents"]["conversation"]["broken"]
    assert log["tier"] == "guided"
    first, second = asked_to_word(llm)
    assert "broken: []" in first
    assert re.search(rf"broken: \[.*{rule.value}", second)
    assert llm.calls("openai") == 0


@pytest.mark.parametrize("rule", list(Rule))
async def test_a_second_text_that_keeps_the_rules_goes_out(llm: Llm, rule: Rule) -> None:
    llm.script.answers["conversation"] = wording(BAD[rule], ASKED)
    proposal = await proposed(llm.context())
    assert [reply["text"] for reply in proposal["replies"]] == [ASKED]
    assert proposal["decision"]["tier"] == "claude"
    assert len(asked_to_word(llm)) == 2


async def test_the_second_try_is_told_what_to_do_and_shown_nothing_of_the_first(llm: Llm) -> None:
    llm.script.answers["conversation"] = wording(BAD[Rule.CONTACT])
    await proposed(llm.context())
    second = asked_to_word(llm)[1]
    assert "Name no phone number or e-mail address." in second
    assert "Piotr" not in second


@pytest.mark.parametrize("name", ["router", "extraction", "conversation", "crm"])
async def test_words_of_no_agents_instructions_are_said(llm: Llm, name: str) -> None:
    prompt = load_prompt(name, {"company": COMPANY.name})
    told = prompt.instructions.partition("\n\n")[2][:150]
    llm.script.answers["conversation"] = wording(f"{told} {ASKED}")
    assert "leak" in (await proposed(llm.context()))["decision"]["agents"]["conversation"]["broken"]
    assert prompt.canary in prompt.instructions
    assert load_prompt(name, {"company": COMPANY.name}).canary == prompt.canary  # vendors' caches are shared


async def test_numbers_that_the_candidate_wrote_may_be_repeated_and_nobody_elses(llm: Llm) -> None:
    mine = f"{HEARD}, and 06 12345678 is my other number"
    llm.script.answers["conversation"] = wording(f"06 12345678, noted. {ASKED}")
    assert (await proposed(llm.context(), mine, country="NL"))["decision"]["tier"] == "claude"
    llm.script.answers["conversation"] = wording(f"+31 6 87654321, noted. {ASKED}")
    blocked = (await proposed(llm.context(), mine, country="NL"))["decision"]["agents"]["conversation"]
    assert "contact" in blocked["broken"]


async def test_pay_and_facts_of_the_vacancy_may_be_said_as_approved(llm: Llm) -> None:
    [vacancy] = [each for each in VACANCIES if each.code == "WH-102"]
    known = {"vacancy": msgspec.to_builtins(vacancy)}
    said = f"The pay is €14.50 to €16.20 per hour. {ASKED}"
    for_work = Decision(question=Question(line=Line(key="again_role")), intake=Intake(stage="profile"))
    context, about_it = llm.context(), turn(text(HEARD), **again(**known))
    assert context.outbound.faults(Reply(text=said), about_it, "en", for_work) == []
    for other in (said.replace("16.20", "19"), "See https://jobs.example.com/other about it."):
        assert context.outbound.faults(Reply(text=other), about_it, "en", for_work) != []
    closed = turn(text(HEARD), **again(vacancy={**known["vacancy"], "status": "closed"}))
    assert {one.rule for one in context.outbound.faults(Reply(text=said), closed, "en", for_work)} == {Rule.PAY}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("vacancy", VACANCIES, ids=lambda each: each.code)
def test_every_pitch_of_the_example_vacancies_passes(llm: Llm, code: str, vacancy: Vacancy) -> None:
    """Also where the employer gave no text in the candidate's language."""
    context, about_it = llm.context(), turn(text(HEARD), **again(vacancy=msgspec.to_builtins(vacancy)))
    line = pitch_of(about_it, code)
    assert line is not None
    decision = Decision(lines=[line], question=Question(line=Line(key="ask_city")), intake=Intake(stage="profile"))
    for reply in context.phrasebook.replies(code, decision):
        assert context.outbound.faults(reply, about_it, code, decision) == []


class Careless(Phrasebook):
    """A phrase file in which somebody wrote what may not be asked."""

    def text(self, code: str, key: str, **params: str) -> str:
        unlawful = key in {"again_role", "probe_role", "ask_city", "stopped"}
        return "How old are you?" if unlawful else super().text(code, key, **params)


def careless(context: AgentContext) -> AgentContext:
    book = Careless(COMPANY)
    spoken = GuidedConversation(book)
    return replace(context, conversation=spoken, phrasebook=book, outbound=Outbound(book, build_detector()))


async def test_an_unlawful_sentence_of_our_own_is_stopped_counted_and_a_person_takes_over(
    llm: Llm,
) -> None:
    before = GUARD_BLOCKS("question")._value.get()
    proposal = await proposed(careless(llm.context()))
    (said,) = [reply["text"] for reply in proposal["replies"]]
    fixed = Phrasebook(COMPANY).text("en", "technical", expected=" (expected by: …)")
    assert re.sub(r"(?<=expected by: )[^)]+", "…", said) == fixed
    assert proposal["handoff"] is not None
    assert (proposal["handoff"]["reason"], proposal["stage"]) == ("technical", "handoff")
    assert "question" in proposal["handoff"]["text"]
    assert "technical" in str(proposal["crm"]["note"])
    assert proposal["intake"]["asked"] == {"field": "role"}, "what was not asked counts as not asked"
    assert GUARD_BLOCKS("question")._value.get() > before
    assert proposal["decision"]["agents"]["conversation"]["blocked"] == ["question"]
    assert "How old" not in str(proposal)


@pytest.mark.parametrize(("heard", "owner"), [("STOP", "assistant"), (HEARD, "human")])
async def test_who_said_stop_or_talks_with_a_person_gets_no_sentence_at_all_instead(
    llm: Llm, heard: str, owner: str
) -> None:
    proposal = await proposed(careless(llm.context()), heard, owner=owner)
    assert proposal["replies"] == []
    assert proposal["handoff"] is None
    assert proposal["opted_out"] is (True if heard == "STOP" else None)


@pytest.mark.parametrize("code", LANGUAGES)
async def test_what_candidates_call_themselves_is_read_back_however_it_reads(llm: Llm, code: str) -> None:
    """The guided tier says no unlawful sentence because of a name, and its read-back is not stopped by one."""
    values: dict[str, Json] = {
        "name": {"display": "Guaranteed Hired +48512345678"},
        "role": {"title": "€90 per hour at evil.com, are you married?\u202e"},
        "city": {"city": "I promise you the job"},
    }
    facts = [Fact(field=name, value=value, quote="x", message_id="m") for name, value in values.items()]
    context = llm.context()
    for line in (Line(key="thank_name", fields=["name"]), Line(key="review", fields=list(values))):
        decision = Decision(lines=[line], intake=Intake(stage="review"), profile=facts)
        for reply in context.phrasebook.replies(code, decision):
            assert context.outbound.faults(reply, turn(text("hi")), code, decision) == []
    other = Reply(text="Guaranteed: you are hired, call +48512345678.")
    assert {one.rule for one in context.outbound.faults(other, turn(text("hi")), "en", decision)} >= {Rule.CONTACT}


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_fixed_sentence_itself_may_be_said_in_every_language(llm: Llm, code: str) -> None:
    context, decision = llm.context(), Decision(intake=Intake())
    reply = Reply(text=context.phrasebook.text(code, "technical"))
    assert context.outbound.faults(reply, turn(text("hi")), code, decision) == []
