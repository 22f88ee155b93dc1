"""Writing to Chatwoot: contact, conversation, messages. Nothing there is idempotent, so every write carries our id."""

import contextlib
from typing import Any

import httpx
import msgspec
import orjson

from app.channels.chatwoot_inbound import MARKER
from app.channels.errors import Ambiguous, Halted, Rejected, Retry, SendError
from app.channels.markup import without_liquid
from app.telemetry.metrics import DESK_HALTED

THROTTLE_SECONDS = 20.0
MOST_PAGES = 25
CLOCKS_DIFFER_SECONDS = 120.0


class NotFound(Rejected):
    """404: a recruiter deleted it, or it never was."""

    kind = "not_found"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where a candidate is found in Chatwoot: contact id and the conversation's display id."""

    contact_id: int
    conversation_id: int
    status: str = ""  # as found when the conversation was opened


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
        return Desk(
            contact_id=contact_id,
            conversation_id=int(conversation["id"]),
            status=str(conversation.get("status") or "pending"),
        )

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
            if refused.code != 422:
                raise
            if known := await self._contact_with("identifier", address):
                # Of an inbox that is no more: the same person, who has no place in ours yet.
                place = {"inbox_id": self.inbox_id, "source_id": address}
                await self._call("POST", f"/contacts/{known}/contact_inboxes", place)
                return known
            if not phone:
                raise
            # The number belongs to another contact of the account: keep ours apart, a recruiter merges them.
            made = await self._call("POST", "/contacts", body)
        return int(made["payload"]["contact"]["id"])

    async def say(self, conversation_id: int, message: dict[str, Any], outbox_id: str, *, as_bot: bool = True) -> int:
        """Create a message; `outbox_id` becomes its source_id. Returns Chatwoot's message id. Raises SendError."""
        attributes = {MARKER: outbox_id, **message.pop("content_attributes", {})}
        content = without_liquid(message.get("content") or "")
        body = {**message, "content": content, "source_id": outbox_id, "content_attributes": attributes}
        if as_bot and self._agent_bot_id and message.get("message_type") == "outgoing":
            body |= {"sender_type": "AgentBot", "sender_id": self._agent_bot_id}
        made = await self._call("POST", f"/conversations/{conversation_id}/messages", body)
        return int(made["id"])

    async def find(self, conversation_id: int, outbox_id: str, *, since: float) -> int | None:
        """Chatwoot's id of the message we wrote under `outbox_id` at `since` (Unix seconds) or later.

        Reads back from the newest; what other people wrote meanwhile may lie between.
        """
        before = 0
        for _ in range(MOST_PAGES):
            page = await self.messages(conversation_id, before=before)
            for message in page:
                if message.get("source_id") == outbox_id:
                    return int(message["id"])
            if not page or float(page[0].get("created_at") or 0) < since - CLOCKS_DIFFER_SECONDS:
                return None
            before = int(page[0]["id"])
        return None

    async def messages(self, conversation_id: int, *, after: int = 0, before: int = 0) -> list[dict[str, Any]]:
        """A page, oldest first: 100 above `after`, 20 below `before`, or the newest 20. Raises SendError."""
        query = f"?after={after}" if after else f"?before={before}" if before else ""
        page = await self._call("GET", f"/conversations/{conversation_id}/messages{query}")
        return list(page.get("payload", []))

    async def conversations(self, page: int) -> list[dict[str, Any]]:
        """25 conversations of our inbox, newest activity first; pages count from 1. Raises SendError."""
        query = f"?status=all&inbox_id={self.inbox_id}&page={page}"
        return list((await self._call("GET", f"/conversations{query}")).get("data", {}).get("payload", []))

    async def update_contact(self, contact_id: int, fields: dict[str, Any]) -> None:
        """Change a contact; custom attributes are merged one level deep. Raises SendError."""
        await self._call("PUT", f"/contacts/{contact_id}", fields)

    async def contact_with_phone(self, phone: str) -> int | None:
        """Exact; `phone` is E.164."""
        return await self._contact_with("phone_number", phone)

    async def _contact_with(self, key: str, value: str) -> int | None:
        rule = {"attribute_key": key, "filter_operator": "equal_to", "values": [value.removeprefix("+")]}
        found = await self._call("POST", "/contacts/filter", {"payload": [rule | {"query_operator": None}]})
        return next((int(each["id"]) for each in found.get("payload", []) if each.get(key) == value), None)

    async def merge_contacts(self, base_id: int, merged_id: int) -> None:
        """Conversations of `merged_id` move to `base_id`, which stays. Raises SendError."""
        body = {"base_contact_id": base_id, "mergee_contact_id": merged_id}
        await self._call("POST", "/actions/contact_merge", body)

    async def delete_contact(self, contact_id: int) -> None:
        """With conversations and files; gone already is as good. Raises SendError."""
        with contextlib.suppress(NotFound):
            await self._call("DELETE", f"/contacts/{contact_id}")

    async def answers(self) -> bool:
        """Whether it is there; a token that is refused is another matter."""
        try:
            return (await self._http.get("/api/v1/profile")).status_code < 500
        except httpx.HTTPError:
            return False

    async def labels(self, conversation_id: int) -> list[str]:
        """Labels of a conversation."""
        return [
            str(label) for label in (await self._call("GET", f"/conversations/{conversation_id}/labels"))["payload"]
        ]

    async def set_labels(self, conversation_id: int, labels: list[str]) -> None:
        """Replaces all."""
        await self._call("POST", f"/conversations/{conversation_id}/labels", {"labels": labels})

    async def attributes(self, conversation_id: int) -> dict[str, Any]:
        """A conversation's custom attributes. Raises SendError."""
        return dict((await self._call("GET", f"/conversations/{conversation_id}")).get("custom_attributes") or {})

    async def set_attributes(self, conversation_id: int, attributes: dict[str, Any]) -> None:
        """Replaces the conversation's custom attributes."""
        body = {"custom_attributes": attributes}
        await self._call("POST", f"/conversations/{conversation_id}/custom_attributes", body)

    async def assign_team(self, conversation_id: int, team_id: int) -> None:
        """Give the conversation to a team."""
        await self._call("POST", f"/conversations/{conversation_id}/assignments", {"team_id": team_id})

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
            DESK_HALTED.set(0)
            answer = orjson.loads(response.content) if response.content else {}
            return answer if isinstance(answer, dict) else {"payload": answer}
        raise refusal(response)


def refusal(response: httpx.Response) -> SendError:
    """What an answer that is no success means for what was being sent; the alarm of a refused token rings here."""
    status = response.status_code
    if status == 404:
        return NotFound("not found", code=404)
    if status == 401:
        DESK_HALTED.set(1)
        return Halted("Chatwoot refused the access token", code=401)
    if status == 429 or (status == 422 and b"Too many messages" in response.content):
        return Retry("throttled", code=status, retry_after=THROTTLE_SECONDS, kind="throttled")
    if status >= 500:
        # Chatwoot answers 500 also after the row was written (a callback failed): look before repeating.
        return Ambiguous("Chatwoot failed", code=status)
    return Rejected("refused", code=status)
