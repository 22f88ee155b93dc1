"""Writing to Chatwoot: contact, conversation, messages. Nothing there is idempotent, so every write carries our id."""

from typing import Any

import httpx
import msgspec
import orjson

from app.channels.chatwoot_inbound import MARKER
from app.channels.errors import Ambiguous, Halted, Rejected, Retry, SendError

THROTTLE_SECONDS = 20.0


class NotFound(Rejected):
    """404: a recruiter deleted it, or it never was."""

    kind = "not_found"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where a candidate is found in Chatwoot: contact id and the conversation's display id."""

    contact_id: int
    conversation_id: int


class Chatwoot:
    """One client per process; writes as the service user, signs the assistant's words as `agent_bot_id` when given."""

    def __init__(self, http: httpx.AsyncClient, *, account_id: int, inbox_id: int, agent_bot_id: int = 0) -> None:
        self._http = http
        self._root = f"/api/v1/accounts/{account_id}"
        self.inbox_id = inbox_id
        self._agent_bot_id = agent_bot_id

    async def open_desk(self, address: str, *, name: str, phone: str) -> Desk:
        """Find or create the contact and its one conversation; safe to repeat. `phone` is E.164 or empty.

        Raises SendError.
        """
        contact_id = await self._find_contact(address)
        if contact_id is None:
            contact_id = await self._create_contact(address, name=name, phone=phone)
        # With lock_to_single_conversation the inbox returns the one that exists.
        conversation = await self._call(
            "POST",
            "/conversations",
            {"inbox_id": self.inbox_id, "contact_id": contact_id, "source_id": address, "status": "pending"},
        )
        return Desk(contact_id=contact_id, conversation_id=int(conversation["id"]))

    async def _find_contact(self, address: str) -> int | None:
        try:
            found = await self._call(
                "POST", "/contact_inboxes/filter", {"inbox_id": self.inbox_id, "source_id": address}
            )
        except NotFound:
            return None
        return int(found["id"])

    async def _create_contact(self, address: str, *, name: str, phone: str) -> int:
        body = {"inbox_id": self.inbox_id, "source_id": address, "identifier": address, "name": name}
        try:
            made = await self._call("POST", "/contacts", body | ({"phone_number": phone} if phone else {}))
        except Rejected as refused:
            if refused.code != 422 or not phone:
                raise
            # The number belongs to another contact of the account: keep ours apart, a recruiter merges them.
            made = await self._call("POST", "/contacts", body)
        return int(made["payload"]["contact"]["id"])

    async def say(self, conversation_id: int, message: dict[str, Any], outbox_id: str) -> int:
        """Create a message; `outbox_id` becomes its source_id. Returns Chatwoot's message id. Raises SendError."""
        attributes = {MARKER: outbox_id, **message.pop("content_attributes", {})}
        body = {**message, "source_id": outbox_id, "content_attributes": attributes}
        if self._agent_bot_id and message.get("message_type") == "outgoing":
            body |= {"sender_type": "AgentBot", "sender_id": self._agent_bot_id}
        made = await self._call("POST", f"/conversations/{conversation_id}/messages", body)
        return int(made["id"])

    async def find(self, conversation_id: int, outbox_id: str) -> int | None:
        """Chatwoot's id of the message we wrote under `outbox_id` (among the newest 20), after an ambiguous answer."""
        page = await self._call("GET", f"/conversations/{conversation_id}/messages")
        for message in page.get("payload", []):
            if message.get("source_id") == outbox_id:
                return int(message["id"])
        return None

    async def set_status(self, conversation_id: int, status: str) -> None:
        """`open`, `pending`, `resolved`. Raises SendError."""
        await self._call("POST", f"/conversations/{conversation_id}/toggle_status", {"status": status})

    async def report(self, conversation_id: int, message_id: int, status: str, error: str = "") -> None:
        """Show what became of a message: sent, delivered, read, or failed with a reason a recruiter understands."""
        body = {"status": status} | ({"external_error": error} if error else {})
        await self._call("PATCH", f"/conversations/{conversation_id}/messages/{message_id}", body)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        content = orjson.dumps(body) if body is not None else None
        try:
            response = await self._http.request(
                method, self._root + path, content=content, headers={"content-type": "application/json"}
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Retry("Chatwoot cannot be reached", kind="network") from None
        except httpx.HTTPError:
            raise Ambiguous("Chatwoot did not answer") from None
        if response.is_success:
            answer = orjson.loads(response.content) if response.content else {}
            return answer if isinstance(answer, dict) else {"payload": answer}
        raise _refusal(response)


def _refusal(response: httpx.Response) -> SendError:
    status = response.status_code
    if status == 404:
        return NotFound("not found", code=404)
    if status == 401:
        return Halted("Chatwoot refused the access token", code=401)
    if status == 429 or (status == 422 and b"Too many messages" in response.content):
        return Retry("throttled", code=status, retry_after=THROTTLE_SECONDS, kind="throttled")
    if status >= 500:
        # Chatwoot answers 500 also after the row was written (a callback failed): look before repeating.
        return Ambiguous("Chatwoot failed", code=status)
    return Rejected("refused", code=status)
