"""`webhooks setup` furnishes a fresh Chatwoot, adopts what is there, and says without `--apply` what it would do."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from app.agents.guided.crm import GuidedCrm
from app.agents.outbound import TECHNICAL
from app.engine.desk_lane import WINDOW_ATTRIBUTE
from app.local.chatwoot_state import State
from app.local.whatsapp_twin import WhatsAppTwin, WhatsAppTwinConfig, create_whatsapp_twin
from app.operations.chatwoot_wanted import ATTRIBUTES, CONTACT, HANDOFFS, LABELS, LANGUAGES, STAGES, labels_with
from app.recruiting.intake import Decision, Intake
from app.recruiting.interrupts import Intent
from app.recruiting.lexicon import LANGUAGES as LANGUAGES_OF_RULES
from app.recruiting.policy import HANDOFFS as HANDOFFS_OF_RULES
from app.recruiting.profile import Fact
from app.recruiting.stages import STAGES as STAGES_OF_RULES
from tests.deploy.test_preflight import run
from tests.fixtures.telemetry import serve
from tests.fixtures.twins import CHATWOOT_TOKEN, D360_KEY, D360_SECRET, ChatwootRun, running_chatwoot_twin

Json = dict[str, Any]
# Nobody listens there: the service is deployed after its vendors are set up.
NOT_YET = "http://127.0.0.1:9"


class House:
    """The vendors as an operator finds them, and the command in the operator's environment."""

    def __init__(self, chatwoot: ChatwootRun, whatsapp: WhatsAppTwin, whatsapp_url: str) -> None:
        self.chatwoot, self.whatsapp = chatwoot, whatsapp
        self.environ = {
            "DIALOG360_BASE_URL": whatsapp_url,
            "DIALOG360_API_KEY": D360_KEY,
            "DIALOG360_WEBHOOK_SECRET": D360_SECRET,
            "CHATWOOT_BASE_URL": chatwoot.url,
            "CHATWOOT_API_TOKEN": CHATWOOT_TOKEN,
            "CHATWOOT_ACCOUNT_ID": "1",
        }

    async def setup(self, *words: str, **more: str) -> tuple[int, str]:
        return await run({**self.environ, **more}, "webhooks", "setup", "--url", NOT_YET, *words)

    @property
    def state(self) -> State:
        return self.chatwoot.twin.store.state

    def standing(self) -> tuple[bytes, bytes]:
        """Everything that both vendors know."""
        return msgspec.json.encode(self.state), msgspec.json.encode(self.whatsapp.store.state)

    def records(self, table: str) -> list[Json]:
        return list(self.state.records.get(table, {}).values())


@contextlib.asynccontextmanager
async def house_with(**chatwoot: Any) -> AsyncIterator[House]:
    app = create_whatsapp_twin(WhatsAppTwinConfig(api_key=D360_KEY, webhook_url="", webhook_secret=""))
    async with running_chatwoot_twin(**chatwoot) as run_of_it, serve(app, lifespan="on") as url:
        yield House(run_of_it, app.state.twin, url)


@pytest.fixture
async def fresh() -> AsyncIterator[House]:
    async with house_with(with_inbox=False) as house:
        yield house


async def test_a_dry_run_says_everything_and_changes_nothing(fresh: House) -> None:
    before = fresh.standing()
    for words in ((), ("--dry-run",)):
        code, said = await fresh.setup(*words)
        assert code == 0, said
        lines = [line for line in said.splitlines() if line.startswith("to be done")]
        assert len(lines) == 7, said
        for part in ("360dialog webhook", "inbox", "agent bot", "labels", "attributes", "team", "templates"):
            assert any(part in line for line in lines), part
        assert "Nothing has been changed. Repeat with --apply" in said
        assert "Set these variables" not in said, "there are none yet"
    assert fresh.standing() == before


async def test_a_fresh_chatwoot_is_furnished_once(fresh: House) -> None:
    code, said = await fresh.setup("--apply", "--show-secrets")
    assert code == 0, said
    (inbox,), (bot,) = fresh.state.inboxes.values(), fresh.state.bots.values()
    assert (inbox.agent_bot_id, bot.outgoing_url) == (bot.id, "")
    assert inbox.webhook_url == f"{NOT_YET}/webhooks/chatwoot"
    labels = {row["title"]: row for row in fresh.records("labels")}
    assert set(labels) == {label.title for label in labels_with("assistant", "handoff")}
    assert labels["stage-done"]["description"] == "Intake complete"
    definitions = {
        (row["attribute_model"], row["attribute_key"]) for row in fresh.records("custom_attribute_definitions")
    }
    assert definitions == {(each.model, each.key) for each in ATTRIBUTES}
    assert {model for model, _ in definitions} == {"contact_attribute", "conversation_attribute"}
    (team,) = fresh.records("teams")
    assert (team["name"], team["allow_auto_assign"]) == ("recruitment", False)
    templates = inbox.additional_attributes["message_templates"]
    assert [each["language"] for each in templates] == ["de", "en", "nl", "pl"]
    assert {each["status"] for each in templates} == {"approved"}
    assert templates[1]["components"][0]["text"].startswith("Hello {{1}}")
    variables = {
        "CHATWOOT_INBOX_ID": str(inbox.id),
        "CHATWOOT_AGENT_BOT_ID": str(bot.id),
        "CHATWOOT_TEAM_ID": str(team["id"]),
        "CHATWOOT_WEBHOOK_SECRET": inbox.secret,
    }
    assert set(said.splitlines()) >= {f"{name}={value}" for name, value in variables.items()}
    # No service answers yet: the way back is proven after the deployment.
    assert "not yet        round trip" in said
    assert "webhooks verify" in said

    before = fresh.standing()
    code, again = await fresh.setup("--apply", **variables)
    assert code == 0, again
    assert "Everything is there already: nothing has been changed." in again
    code, unset = await fresh.setup("--apply")
    assert "Everything is there already: nothing has been changed." in unset, "found by name too"
    assert fresh.standing() == before
    assert inbox.secret not in unset


async def test_a_resolved_conversation_reopens_as_pending_after_setup() -> None:
    async with house_with(webhook_url=f"{NOT_YET}/webhooks/chatwoot") as house:
        number = await house.chatwoot.mirrored()
        assert await reopened(house.chatwoot, number) == "open"
        code, said = await house.setup("--apply")
        assert code == 0, said
        assert await reopened(house.chatwoot, number) == "pending"


async def reopened(chatwoot: ChatwootRun, number: int) -> str:
    """The status after the candidate has written into the resolved conversation."""
    await chatwoot.api("POST", f"/conversations/{number}/toggle_status", {"status": "resolved"})
    await chatwoot.api("POST", f"/conversations/{number}/messages", {"content": "Hi", "message_type": "incoming"})
    return str((await chatwoot.view(number))["status"])


async def test_what_is_there_is_adopted_as_people_left_it(fresh: House) -> None:
    api = fresh.chatwoot.api
    channel = {"type": "api", "webhook_url": "https://old.example.org/webhooks/chatwoot"}
    inbox = await api("POST", "/inboxes", {"name": "WhatsApp recruitment", "channel": channel})
    kept = {"agent_reply_time_window": 24, "message_templates": [{"name": "old", "status": "approved"}]}
    await api("PATCH", f"/inboxes/{inbox['id']}", {"channel": {"additional_attributes": kept}})
    # A blank bot of another name is the inbox's already: no second one.
    bot = await api("POST", "/agent_bots", {"name": "Robin", "outgoing_url": ""})
    await api("POST", f"/inboxes/{inbox['id']}/set_agent_bot", {"agent_bot": bot["id"]})
    await api("POST", "/labels", {"label": {"title": "stage-done", "description": "Ours", "color": "#000000"}})
    definition = {"attribute_display_name": "Function", "attribute_key": "role", "attribute_model": 1}
    await api("POST", "/custom_attribute_definitions", {"custom_attribute_definition": definition})
    await api("POST", "/teams", {"team": {"name": "Recruitment", "description": "Second floor"}})

    code, said = await fresh.setup("--apply")
    assert code == 0, said
    assert list(fresh.state.inboxes) == [inbox["id"]]
    assert list(fresh.state.bots) == [bot["id"]]
    shown = fresh.state.inboxes[inbox["id"]]
    assert shown.webhook_url == f"{NOT_YET}/webhooks/chatwoot"
    assert shown.additional_attributes["agent_reply_time_window"] == 24
    assert len(shown.additional_attributes["message_templates"]) == 4
    labels = {row["title"]: row["description"] for row in fresh.records("labels")}
    assert (len(labels), labels["stage-done"]) == (len(LABELS) + 2, "Ours")
    names = [row["attribute_display_name"] for row in fresh.records("custom_attribute_definitions")]
    assert (len(names), names[0]) == (len(ATTRIBUTES), "Function")
    assert [team["description"] for team in fresh.records("teams")] == ["Second floor"]
    assert f"CHATWOOT_AGENT_BOT_ID={bot['id']}" in said


async def test_somebody_elses_bot_is_replaced_but_not_changed_and_ours_loses_its_url(fresh: House) -> None:
    api = fresh.chatwoot.api
    inbox = await api("POST", "/inboxes", {"name": "WhatsApp recruitment", "channel": {"type": "api"}})
    other = await api("POST", "/agent_bots", {"name": "Other", "outgoing_url": "https://other.example.org"})
    await api("POST", f"/inboxes/{inbox['id']}/set_agent_bot", {"agent_bot": other["id"]})
    code, said = await fresh.setup()
    assert "in place of 'Other'" in said
    code, said = await fresh.setup("--apply")
    assert code == 0, said
    (bot,) = [bot for bot in fresh.state.bots.values() if bot.id != other["id"]]
    assert fresh.state.inboxes[inbox["id"]].agent_bot_id == bot.id
    assert fresh.state.bots[other["id"]].outgoing_url == "https://other.example.org"
    # Named by its number, a bot is ours, and a URL there would make our failures open conversations.
    await api("PATCH", f"/agent_bots/{bot.id}", {"outgoing_url": "https://desk.example.org"})
    code, said = await fresh.setup("--apply", CHATWOOT_AGENT_BOT_ID=str(bot.id))
    assert "clears the webhook URL https://desk.example.org" in said
    assert fresh.state.bots[bot.id].outgoing_url == ""


async def test_a_token_that_is_no_administrators_gives_one_line_and_changes_nothing() -> None:
    async with house_with() as house:
        before = house.standing()
        for words in ((), ("--apply",)):
            code, said = await house.setup(*words, CHATWOOT_API_TOKEN=house.state.users[2].token)
            assert code == 1
            assert said.splitlines() == [
                "webhooks setup: the user of CHATWOOT_API_TOKEN has the role 'agent', and this needs an administrator: "
                "make the user one in Chatwoot (Settings, Agents)"
            ]
        code, said = await house.setup("--apply", CHATWOOT_API_TOKEN="wrong")
        assert (code, len(said.splitlines()), "see CHATWOOT_API_TOKEN" in said) == (1, 1, True)
        code, said = await house.setup("--apply", CHATWOOT_ACCOUNT_ID="2")
        assert (code, len(said.splitlines()), "see CHATWOOT_ACCOUNT_ID" in said) == (1, 1, True)
        assert house.standing() == before


@pytest.mark.parametrize("name", ["CHATWOOT_INBOX_ID", "CHATWOOT_AGENT_BOT_ID", "CHATWOOT_TEAM_ID"])
async def test_a_number_that_chatwoot_does_not_know_is_named(fresh: House, name: str) -> None:
    code, said = await fresh.setup(**{name: "4711"})
    assert code == 1
    assert "4711" in said.splitlines()[-1]
    assert f"correct {name}" in said.splitlines()[-1]


async def test_what_was_done_before_a_refusal_is_said_and_the_next_run_goes_on(fresh: House) -> None:
    fault = {"on": "POST .*/teams", "action": "respond", "status": 422, "body": {"message": "Name is reserved"}}
    await fresh.chatwoot.control("POST", "/_twin/faults", fault)
    code, said = await fresh.setup("--apply")
    assert code == 1
    assert "done           chatwoot agent bot" in said
    assert "answers 422 to POST /api/v1/accounts/1/teams: Name is reserved" in said
    code, said = await fresh.setup("--apply")
    assert code == 0, said
    assert [line.split("  ")[0] for line in said.splitlines() if "chatwoot team" in line] == ["done"]
    assert len(fresh.state.bots) == 1


async def test_a_template_that_whatsapp_approves_later_is_put_beside_the_others(fresh: House) -> None:
    await fresh.setup("--apply")
    async with httpx.AsyncClient(base_url=fresh.environ["DIALOG360_BASE_URL"]) as client:
        for name, status in (("interview", "APPROVED"), ("offer", "PENDING")):
            template = {"name": name, "language": "nl", "status": status, "components": []}
            answer = await client.post("/v1/configs/templates", json=template, headers={"D360-API-KEY": D360_KEY})
            assert answer.is_success, answer.text
    _, said = await fresh.setup()
    assert "puts 5 into the inbox" in said
    await fresh.setup("--apply")
    (inbox,) = fresh.state.inboxes.values()
    assert [each["name"] for each in inbox.additional_attributes["message_templates"]][-1] == "interview"


def test_labels_and_attributes_are_those_that_the_service_writes() -> None:
    # `handoff` and `stopped` are the conversation's, not the intake's.
    assert set(STAGES) == {*STAGES_OF_RULES, "handoff", "stopped"}
    assert tuple(LANGUAGES) == LANGUAGES_OF_RULES
    reasons = {intent.value for intent, _, _ in HANDOFFS_OF_RULES}
    reasons |= {Intent.INJECTION.value, "misunderstanding", TECHNICAL}
    assert set(HANDOFFS) == reasons
    values: dict[str, Json] = {
        "name": {"display": "Anna Kok"},
        "role": {"title": "welder"},
        "city": {"city": "Tilburg"},
        "availability": {"from": "2026-12-01"},
        "languages.nl": {"language": "nl"},
        "licences.B": {"type": "B"},
        "phone": {"e164": "+31612345678"},
        "email": {"address": "anna@example.com"},
        "right_to_work.NL": {"status": "yes", "country": "NL"},
        "hours": {"min": 32, "max": 40},
        "shifts.night": {"kind": "night", "possible": False},
        "contract_preference.permanent": {"kind": "permanent"},
        "work_mode": {"mode": "onsite"},
        "salary_expectation": {"min": 16.5, "currency": "EUR", "period": "hour"},
        "notice_period": {"duration": "P1M"},
        "travel.own_transport": {"own_transport": True},
        "experience.welder": {"title_raw": "welder"},
        "education.mbo": {"title_raw": "MBO"},
        "skills.mig": {"raw": "MIG"},
        "certificates.vcu": {"name": "VCU"},
        "references_available": {"available": True},
    }
    facts = [Fact(field=field, value=value, quote="x", message_id="m") for field, value in values.items()]
    decision = Decision(intake=Intake(stage="profile"), profile=facts)
    written = {*GuidedCrm._attributes("nl", decision, []), WINDOW_ATTRIBUTE}
    assert written == {each.key for each in ATTRIBUTES if each.model == CONTACT}
    assert set(GuidedCrm._labels("nl", decision)) <= {label.title for label in LABELS}
