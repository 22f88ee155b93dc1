"""Makes or adopts in Chatwoot what we and recruiters need: inbox, bot, labels, attributes, team, templates.

Safe to repeat: what is there is adopted as recruiters left it. Without `apply` nothing is changed, only said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.channels.whatsapp import Template
from app.operations.chatwoot_wanted import (
    ATTRIBUTES,
    BOT,
    INBOX_NAME,
    INBOX_SETTINGS,
    MODELS,
    TEAM,
    Label,
    labels_with,
)
from app.operations.setup_steps import ChatwootAccount, SetupError, Step
from app.operations.webhooks_setup import CHATWOOT_PATH

Json = dict[str, Any]
_TEMPLATES: Final = "message_templates"


@dataclass
class Numbers:
    """What the variables say, then what they have to say; 0 and "" = not known yet. `secret` signs webhooks."""

    inbox_id: int = 0
    secret: str = ""
    bot_id: int = 0
    team_id: int = 0
    return_label: str = "assistant"
    handoff_label: str = "handoff"


async def set_up_chatwoot(
    account: ChatwootAccount, given: Numbers, public_url: str, templates: list[Template], report: list[Step]
) -> Numbers:
    """Everything in its order. Raises SetupError; `report` then tells how far it came."""
    inbox, step = await set_up_inbox(account, given.inbox_id, public_url)
    report.append(step)
    bot_id, step = await set_up_bot(account, inbox, given.bot_id)
    report.append(step)
    report.append(await set_up_labels(account, labels_with(given.return_label, given.handoff_label)))
    report.append(await _set_up_attributes(account))
    team_id, step = await _set_up_team(account, given.team_id)
    report.append(step)
    report.append(await _set_up_templates(account, inbox, templates))
    shown = inbox or {}
    # Servers before 4.13 sign nothing and have no secret.
    return Numbers(int(shown.get("id") or 0), str(shown.get("secret") or ""), bot_id, team_id)


async def set_up_inbox(account: ChatwootAccount, inbox_id: int, public_url: str) -> tuple[Json | None, Step]:
    """The API inbox: by `inbox_id`, else by our address, else by name, else made (None while only said)."""
    url = public_url + CHATWOOT_PATH
    found = _ours((await account.get("/inboxes")).get("payload", []), inbox_id, url)
    if found is None and inbox_id:
        raise SetupError(f"the account has no API inbox {inbox_id}: correct CHATWOOT_INBOX_ID, or unset it to make one")
    if found is None:
        step = account.step("inbox", "", [f"makes {INBOX_NAME!r} with webhook {url}"])
        if not account.apply:
            return None, step
        channel = {"type": "api", "webhook_url": url}
        found = await account.send("POST", "/inboxes", {**INBOX_SETTINGS, "name": INBOX_NAME, "channel": channel})
    else:
        differing = sorted(name for name, value in INBOX_SETTINGS.items() if bool(found.get(name)) is not value)
        if found.get("webhook_url") != url:
            differing.append("webhook_url")
        changes = [f"changes {', '.join(differing)}"] if differing else []
        step = account.step("inbox", f"inbox {found['id']}, webhook {url}", changes)
        if differing and account.apply:
            body = {**INBOX_SETTINGS, "channel": {"webhook_url": url}}
            await account.send("PATCH", f"/inboxes/{found['id']}", body)
    # Read again: the list need not show the secret.
    return dict(await account.get(f"/inboxes/{found['id']}")), step


def _ours(inboxes: list[Json], inbox_id: int, url: str) -> Json | None:
    channels = [inbox for inbox in inboxes if inbox.get("channel_type") == "Channel::Api"]
    if inbox_id:
        return next((inbox for inbox in channels if inbox.get("id") == inbox_id), None)
    by_url = next((inbox for inbox in channels if inbox.get("webhook_url") == url), None)
    return by_url or next((inbox for inbox in channels if inbox.get("name") == INBOX_NAME), None)


async def set_up_bot(account: ChatwootAccount, inbox: Json | None, bot_id: int) -> tuple[int, Step]:
    """The agent bot without webhook URL: by `bot_id`, else the inbox's own, else by name, else made; and attached.

    Without an active bot, a candidate who writes again after `resolved` would come back as `open`, a recruiter's.
    """
    bots = [bot for bot in await account.get("/agent_bots") if not bot.get("system_bot")]
    path = f"/inboxes/{inbox['id']}" if inbox else ""
    attached: Json = (((await account.get(f"{path}/agent_bot")) or {}).get("agent_bot") or {}) if inbox else {}
    chosen = _our_bot(bots, bot_id, attached)
    changes: list[str] = []
    if chosen is None:
        changes.append(f"makes {BOT['name']!r} without webhook URL")
        if account.apply:
            chosen = dict(await account.send("POST", "/agent_bots", BOT))
    elif chosen.get("outgoing_url"):
        changes.append(f"clears the webhook URL {chosen['outgoing_url']}: its failures would open conversations")
        if account.apply:
            await account.send("PATCH", f"/agent_bots/{chosen['id']}", {"outgoing_url": ""})
    number = int(chosen["id"]) if chosen else 0
    if not attached or attached.get("id") != number:
        instead = f" in place of {attached.get('name')!r}" if attached else ""
        changes.append(f"attaches it to the inbox{instead}")
        if account.apply and inbox:
            await account.send("POST", f"{path}/set_agent_bot", {"agent_bot": number})
    return number, account.step("agent bot", f"bot {number} {chosen['name']!r}" if chosen else "", changes)


def _our_bot(bots: list[Json], bot_id: int, attached: Json) -> Json | None:
    if bot_id:
        named = next((bot for bot in bots if bot.get("id") == bot_id), None)
        if named is None:
            raise SetupError(f"the account has no agent bot {bot_id}: correct CHATWOOT_AGENT_BOT_ID, or unset it")
        return named
    # One with a URL is somebody's machine: not taken over unasked.
    blank = [bot for bot in bots if not bot.get("outgoing_url")]
    here = next((bot for bot in blank if bot.get("id") == attached.get("id")), None)
    return here or next((bot for bot in blank if bot.get("name") == BOT["name"]), None)


async def set_up_labels(account: ChatwootAccount, wanted: Sequence[Label]) -> Step:
    """Chatwoot takes unknown labels on conversations, but shows and filters only those that exist."""
    present = {row.get("title") for row in (await account.get("/labels")).get("payload", [])}
    missing = [label for label in wanted if label.title not in present]
    if account.apply:
        for label in missing:
            await account.send("POST", "/labels", {"label": label._asdict()})
    changes = [f"makes {', '.join(label.title for label in missing)}"] if missing else []
    return account.step("labels", f"{len(wanted) - len(missing)} of {len(wanted)} exist", changes)


async def _set_up_attributes(account: ChatwootAccount) -> Step:
    present = {
        (MODELS[row["attribute_model"]] if row["attribute_model"] in (0, 1) else row["attribute_model"],
         row["attribute_key"])
        for row in await account.get("/custom_attribute_definitions")
    }  # fmt: skip
    missing = [each for each in ATTRIBUTES if (each.model, each.key) not in present]
    if account.apply:
        for each in missing:
            definition = {
                "attribute_model": each.model,
                "attribute_key": each.key,
                "attribute_display_name": each.name,
                "attribute_display_type": each.kind,
                "attribute_description": each.description,
            }
            await account.send("POST", "/custom_attribute_definitions", {"custom_attribute_definition": definition})
    named = ", ".join(f"{each.key} ({each.model.removesuffix('_attribute')})" for each in missing)
    about = f"{len(ATTRIBUTES) - len(missing)} of {len(ATTRIBUTES)} exist"
    return account.step("attributes", about, [f"makes {named}"] if missing else [])


async def _set_up_team(account: ChatwootAccount, team_id: int) -> tuple[int, Step]:
    teams = await account.get("/teams")
    if team_id:
        found = next((team for team in teams if team.get("id") == team_id), None)
        if found is None:
            raise SetupError(f"the account has no team {team_id}: correct CHATWOOT_TEAM_ID, or unset it")
    else:
        found = next((team for team in teams if str(team.get("name")).casefold() == TEAM["name"]), None)
    changes: list[str] = []
    if found is None:
        changes.append(f"makes {TEAM['name']!r}: add the recruiters to it in Chatwoot")
        if account.apply:
            found = dict(await account.send("POST", "/teams", {"team": TEAM}))
    number = int(found["id"]) if found else 0
    return number, account.step("team", f"team {number} {found['name']!r}" if found else "", changes)


async def _set_up_templates(account: ChatwootAccount, inbox: Json | None, templates: list[Template]) -> Step:
    """The number's approved templates, for the picker that Chatwoot then shows in an API inbox too."""
    wanted = [
        {
            "name": each.name,
            "language": each.language,
            "category": each.category,
            "status": "approved",
            "components": each.components,
        }
        for each in sorted(templates, key=lambda each: (each.name, each.language))
    ]
    # Replaced as a whole by Chatwoot: what others keep there goes back with it.
    attributes: Json = dict((inbox or {}).get("additional_attributes") or {})
    about = f"{len(wanted)} approved by WhatsApp" if wanted else "WhatsApp has approved none yet"
    if (attributes.get(_TEMPLATES) or []) == wanted:
        return account.step("templates", about, [])
    if account.apply and inbox:
        channel = {"additional_attributes": {**attributes, _TEMPLATES: wanted}}
        await account.send("PATCH", f"/inboxes/{inbox['id']}", {"channel": channel})
    return account.step("templates", about, [f"puts {len(wanted)} into the inbox"])
