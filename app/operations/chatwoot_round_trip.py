"""Writes a note in Chatwoot and watches its webhook come back to the service; the note's contact is deleted again.

Chatwoot tells only of failures: a message whose webhook was not answered with 2xx is marked `failed`. That it did
arrive is read from the service's own count, for whoever may read it.
"""

import asyncio
import re
import time
import uuid
from typing import Any, Final

import httpx

from app.operations.setup_steps import ChatwootAccount, Outcome, SetupError, Step

NAME: Final = "round trip"
PATIENCE: Final = 15.0  # seconds: Chatwoot allows 5 to connect and 5 to answer; the rest is its queue
_POLL: Final = 0.5
_FIRST_LOOKS: Final = 5  # behind one address there may be several replicas, each with a count of its own
_COUNT = re.compile(r"^webhook_requests_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_REPLICA = re.compile(r'^app_info\{[^}]*replica="([^"]*)"', re.MULTILINE)


class ServiceCount:
    """How many webhooks of Chatwoot the service has accepted, as /metrics tells those with OPS_TOKEN."""

    def __init__(self, client: httpx.AsyncClient, ops_token: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {ops_token}"} if ops_token else {}
        self._first: dict[str, float] = {}
        self.known = False  # may be read at all

    async def start(self) -> None:
        """Remember where the counts stand."""
        for _ in range(_FIRST_LOOKS):
            await self.grown()

    async def grown(self) -> bool:
        """Has the count of the replica that answers grown since it was first seen?"""
        try:
            answer = await self._client.get("/metrics", headers=self._headers)
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        self.known = True
        replica = _REPLICA.search(answer.text)
        counts = [
            float(count)
            for labels, count in _COUNT.findall(answer.text)
            if 'channel="chatwoot"' in labels and 'outcome="accepted"' in labels
        ]
        now = sum(counts)
        return now > self._first.setdefault(replica[1] if replica else "", now)


async def round_trip(
    account: ChatwootAccount, inbox_id: int, count: ServiceCount, *, patience: float = PATIENCE
) -> Step:
    """Through the inbox as candidates' messages go. Raises SetupError when Chatwoot refuses."""
    # No candidate's address begins so: the service accepts the webhooks and keeps nothing of them.
    source = f"setup-check:{uuid.uuid4().hex}"
    contact = {"inbox_id": inbox_id, "source_id": source, "identifier": source, "name": "Webhook check"}
    contact_id = int((await account.send("POST", "/contacts", contact))["payload"]["contact"]["id"])
    try:
        link = {"inbox_id": inbox_id, "contact_id": contact_id, "source_id": source, "status": "pending"}
        conversation_id = int((await account.send("POST", "/conversations", link))["id"])
        await count.start()
        return await _watch(account, conversation_id, count, patience)
    finally:
        await account.send("DELETE", f"/contacts/{contact_id}")


async def _watch(account: ChatwootAccount, conversation_id: int, count: ServiceCount, patience: float) -> Step:
    path = f"/conversations/{conversation_id}/messages"
    # A private note: no recruiter is rung, no report counts it.
    note = {"content": "Webhook check; deleted again at once.", "message_type": "outgoing", "private": True}
    message_id = (await account.send("POST", path, note))["id"]
    began = time.monotonic()
    while True:
        arrived = await count.grown()
        # Read after the count: a refusal that stands in Chatwoot by now is not overlooked.
        message = await _message(account, path, message_id)
        waited = time.monotonic() - began
        if message.get("status") == "failed":
            reason = (message.get("content_attributes") or {}).get("external_error") or "no reason given"
            return Step(NAME, Outcome.REFUSED, f"Chatwoot could not deliver its webhook: {str(reason)[:200]}")
        if arrived:
            said = f"Chatwoot's signed webhook was accepted {waited:.1f} s after a note was written; all deleted again"
            return Step(NAME, Outcome.RIGHT, said)
        if waited >= patience:
            return _silent(patience, known=count.known)
        await asyncio.sleep(_POLL)


def _silent(patience: float, *, known: bool) -> Step:
    if known:
        said = f"Chatwoot reports no failure, but the service counted no webhook in {patience:g} s: does Sidekiq run?"
        return Step(NAME, Outcome.REFUSED, said)
    said = f"Chatwoot reported no failure in {patience:g} s (with OPS_TOKEN the service's own count is read too)"
    return Step(NAME, Outcome.RIGHT, said)


async def _message(account: ChatwootAccount, path: str, message_id: int) -> dict[str, Any]:
    listed = (await account.get(path)).get("payload", [])
    found = next((message for message in listed if message.get("id") == message_id), None)
    if found is None:
        raise SetupError(f"Chatwoot lost the note of the {NAME} (a rule or a person deleted it): repeat the command")
    return dict(found)
