"""Registers our webhooks with 360Dialog and Chatwoot, and proves the way back through the public address.

Safe to repeat: what is already right is left alone. With `apply=False` nothing is changed, only said.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import httpx
import orjson

DIALOG360_PATH: Final = "/webhooks/360dialog"
CHATWOOT_PATH: Final = "/webhooks/chatwoot"
_CONFIG: Final = "/v1/configs/webhook"
_INBOX_NAME: Final = "WhatsApp recruitment"
# One conversation per candidate; greetings and surveys are off, because they
# would come back; assignment is the recruiters' business.
_INBOX_SETTINGS: Final[Mapping[str, bool]] = {
    "lock_to_single_conversation": True,
    "greeting_enabled": False,
    "csat_survey_enabled": False,
    "enable_auto_assignment": False,
}


class SetupError(Exception):
    """A vendor refused or answered in an unknown shape; the text says what to do."""


class Outcome(StrEnum):
    """What happened to one thing; WOULD means that it needs `apply`."""

    RIGHT = "right already"
    DONE = "done"
    WOULD = "to be done"
    REFUSED = "refused"


@dataclass(frozen=True)
class Step:
    """One line of the report."""

    name: str
    outcome: Outcome
    said: str


@dataclass(frozen=True)
class Inbox:
    """The API inbox: what CHATWOOT_INBOX_ID and CHATWOOT_WEBHOOK_SECRET have to be. `secret` may be empty."""

    id: int
    secret: str


async def register_dialog360(client: httpx.AsyncClient, public_url: str, secret: str, *, apply: bool) -> Step:
    """Point the number's webhook at us, with the secret as the Authorization header of every delivery.

    Direct clients of 360Dialog get no signing secret, so this header is the proof of origin.
    """
    wanted = {"url": public_url + DIALOG360_PATH, "headers": {"Authorization": f"Bearer {secret}"}}
    now = await _call(client, "GET", _CONFIG, key="DIALOG360_API_KEY")
    if {name: now.get(name) for name in wanted} == wanted:
        return Step("360dialog webhook", Outcome.RIGHT, wanted["url"])  # type: ignore[arg-type]
    before = f"{wanted['url']} (now: {now.get('url') or 'none'})"
    if not apply:
        return Step("360dialog webhook", Outcome.WOULD, before)
    await _call(client, "POST", _CONFIG, wanted, key="DIALOG360_API_KEY")
    return Step("360dialog webhook", Outcome.DONE, before)


async def register_chatwoot(
    client: httpx.AsyncClient, account_id: int, inbox_id: int, public_url: str, *, apply: bool
) -> tuple[Step, Inbox | None]:
    """Find the API inbox (by `inbox_id`, else by our address, else by name) or make it, and read its secret."""
    base, url = f"/api/v1/accounts/{account_id}/inboxes", public_url + CHATWOOT_PATH
    key = "CHATWOOT_API_TOKEN"
    found = _ours((await _call(client, "GET", base, key=key)).get("payload", []), inbox_id, url)
    if found is None and inbox_id:
        raise SetupError(f"the account has no API inbox {inbox_id}: correct CHATWOOT_INBOX_ID, or unset it to make one")
    wanted = {**_INBOX_SETTINGS, "channel": {"webhook_url": url}}
    if found is None:
        if not apply:
            return Step("chatwoot inbox", Outcome.WOULD, f"make {_INBOX_NAME!r} with webhook {url}"), None
        made = await _call(
            client,
            "POST",
            base,
            {**wanted, "name": _INBOX_NAME, "channel": {"type": "api", "webhook_url": url}},
            key=key,
        )
        step = Step("chatwoot inbox", Outcome.DONE, f"made {_INBOX_NAME!r} with webhook {url}")
        return step, await _read_inbox(client, f"{base}/{made['id']}", key)
    path = f"{base}/{found['id']}"
    differing = sorted(name for name, value in _INBOX_SETTINGS.items() if bool(found.get(name)) is not value)
    if found.get("webhook_url") != url:
        differing.append("webhook_url")
    if differing and apply:
        await _call(client, "PATCH", path, wanted, key=key)
    outcome = Outcome.RIGHT if not differing else Outcome.DONE if apply else Outcome.WOULD
    said = f"inbox {found['id']}, webhook {url}" + (f"; changes {', '.join(differing)}" if differing else "")
    return Step("chatwoot inbox", outcome, said), await _read_inbox(client, path, key)


def _ours(inboxes: list[dict[str, Any]], inbox_id: int, url: str) -> dict[str, Any] | None:
    channels = [inbox for inbox in inboxes if inbox.get("channel_type") == "Channel::Api"]
    if inbox_id:
        return next((inbox for inbox in channels if inbox.get("id") == inbox_id), None)
    by_url = next((inbox for inbox in channels if inbox.get("webhook_url") == url), None)
    return by_url or next((inbox for inbox in channels if inbox.get("name") == _INBOX_NAME), None)


async def _read_inbox(client: httpx.AsyncClient, path: str, key: str) -> Inbox:
    inbox = await _call(client, "GET", path, key=key)
    # Chatwoot shows the secret to administrators only; servers before 4.13 sign nothing.
    return Inbox(int(inbox["id"]), str(inbox.get("secret") or ""))


async def _call(
    client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, object] | None = None, *, key: str
) -> dict[str, Any]:
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise SetupError(f"{client.base_url.host} cannot be reached ({type(error).__name__})") from error
    if answer.status_code in (401, 403):
        raise SetupError(f"{client.base_url.host} refuses the key: see {key} (Chatwoot wants an administrator's token)")
    if not answer.is_success:
        raise SetupError(f"{client.base_url.host} answers {answer.status_code} to {method} {path}")
    try:
        return dict(answer.json())
    except ValueError as error:
        raise SetupError(f"{client.base_url.host} answers no JSON to {method} {path}") from error


async def verify(
    client: httpx.AsyncClient, *, dialog360_secret: str, chatwoot_secret: str, verify_token: str, account_id: int
) -> list[Step]:
    """Walk in through the public address (`client`'s base URL): signed probes must be accepted, unsigned ones refused.

    The probes carry no event, so nothing is stored.
    """
    # A field of the platform that carries nothing for a conversation.
    change = {"field": "account_update", "value": {}}
    whatsapp = orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "0", "changes": [change]}]})
    chatwoot = orjson.dumps({"event": "webhook_probe", "account": {"id": account_id}})
    bearer = {"authorization": f"Bearer {dialog360_secret}"}
    signed = {"x-360dialog-signature": hmac.new(dialog360_secret.encode(), whatsapp, hashlib.sha256).hexdigest()}
    stamp = str(int(time.time())).encode()
    mark = hmac.new(chatwoot_secret.encode(), stamp + b"." + chatwoot, hashlib.sha256).hexdigest()
    desk = {"x-chatwoot-timestamp": stamp.decode(), "x-chatwoot-signature": f"sha256={mark}"}
    return [
        await _probe(client, "360dialog, our header", DIALOG360_PATH, whatsapp, bearer, expected=200),
        await _probe(client, "360dialog, signature", DIALOG360_PATH, whatsapp, signed, expected=200),
        await _probe(client, "360dialog, unsigned", DIALOG360_PATH, whatsapp, {}, expected=401),
        await _probe(client, "chatwoot, signature", CHATWOOT_PATH, chatwoot, desk, expected=200),
        await _probe(client, "chatwoot, unsigned", CHATWOOT_PATH, chatwoot, {}, expected=401),
        await _challenge(client, verify_token),
    ]


async def _probe(
    client: httpx.AsyncClient, name: str, path: str, body: bytes, headers: Mapping[str, str], *, expected: int
) -> Step:
    kind = {"content-type": "application/json"}
    try:
        answer = await client.post(path, content=body, headers={**kind, **headers})
    except httpx.HTTPError as error:
        return Step(name, Outcome.REFUSED, f"{client.base_url} cannot be reached ({type(error).__name__})")
    if answer.status_code == expected:
        return Step(name, Outcome.RIGHT, f"answered {expected} in {answer.elapsed.total_seconds() * 1000:.0f} ms")
    return Step(name, Outcome.REFUSED, f"answered {answer.status_code}, expected {expected}")


async def _challenge(client: httpx.AsyncClient, verify_token: str) -> Step:
    asked = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": "12345"}
    try:
        answer = await client.get(DIALOG360_PATH, params=asked)
    except httpx.HTTPError as error:
        return Step("360dialog, challenge", Outcome.REFUSED, f"cannot be reached ({type(error).__name__})")
    right = answer.status_code == 200 and answer.text == "12345"
    return Step("360dialog, challenge", Outcome.RIGHT if right else Outcome.REFUSED, f"answered {answer.status_code}")
