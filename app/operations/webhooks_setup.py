"""Registers our webhook with 360Dialog, and proves the way in through the public address.

Safe to repeat: what is already right is left alone. With `apply=False` nothing is changed, only said.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final

import httpx
import orjson

from app.operations.setup_steps import Outcome, Step, call

DIALOG360_PATH: Final = "/webhooks/360dialog"
CHATWOOT_PATH: Final = "/webhooks/chatwoot"
_CONFIG: Final = "/v1/configs/webhook"


async def register_dialog360(client: httpx.AsyncClient, public_url: str, secret: str, *, apply: bool) -> Step:
    """Point the number's webhook at us, with the secret as the Authorization header of every delivery.

    Direct clients of 360Dialog get no signing secret, so this header is the proof of origin.
    """
    url = public_url + DIALOG360_PATH
    wanted = {"url": url, "headers": {"Authorization": f"Bearer {secret}"}}
    now = await call(client, "GET", _CONFIG, key="DIALOG360_API_KEY")
    if {name: now.get(name) for name in wanted} == wanted:
        return Step("360dialog webhook", Outcome.RIGHT, url)
    before = f"{url} (now: {now.get('url') or 'none'})"
    if not apply:
        return Step("360dialog webhook", Outcome.WOULD, before)
    await call(client, "POST", _CONFIG, wanted, key="DIALOG360_API_KEY")
    return Step("360dialog webhook", Outcome.DONE, before)


async def verify(
    client: httpx.AsyncClient, *, dialog360_secret: str, chatwoot_secret: str, verify_token: str, account_id: int
) -> list[Step]:
    """Walk in through the public address (`client`'s base URL): signed probes must be accepted, unsigned ones refused.

    The probes carry no event, so nothing is stored.
    """
    # A field of the platform that carries nothing for a conversation.
    change = {"field": "account_update", "value": {}}
    whatsapp = orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "0", "changes": [change]}]})
    bearer = {"authorization": f"Bearer {dialog360_secret}"}
    signed = {"x-360dialog-signature": hmac.new(dialog360_secret.encode(), whatsapp, hashlib.sha256).hexdigest()}
    return [
        await _probe(client, "360dialog, our header", DIALOG360_PATH, whatsapp, bearer, expected=200),
        await _probe(client, "360dialog, signature", DIALOG360_PATH, whatsapp, signed, expected=200),
        await _probe(client, "360dialog, unsigned", DIALOG360_PATH, whatsapp, {}, expected=401),
        await knock(client, chatwoot_secret, account_id),
        await _probe(client, "chatwoot, unsigned", CHATWOOT_PATH, _chatwoot_body(account_id), {}, expected=401),
        await _challenge(client, verify_token),
    ]


async def knock(client: httpx.AsyncClient, chatwoot_secret: str, account_id: int) -> Step:
    """Does the service behind the public address accept what is signed with this secret of Chatwoot's?"""
    body, stamp = _chatwoot_body(account_id), str(int(time.time()))
    mark = hmac.new(chatwoot_secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    signed = {"x-chatwoot-timestamp": stamp, "x-chatwoot-signature": f"sha256={mark}"}
    return await _probe(client, "chatwoot, signature", CHATWOOT_PATH, body, signed, expected=200)


def _chatwoot_body(account_id: int) -> bytes:
    return orjson.dumps({"event": "webhook_probe", "account": {"id": account_id}})


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
