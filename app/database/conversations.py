"""A conversation with one candidate: opened for a turn, committed once per turn, looked at."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from app.database.outbox import ClaimedRow, NewOutboxRow, OutboxRow
from app.database.supabase_pool import SupabasePool
from app.recruiting.events import Sender


class Owner(StrEnum):
    """Who may speak to the candidate."""

    ASSISTANT = "assistant"
    HUMAN = "human"
    NOBODY = "nobody"


class CommitStatus(StrEnum):
    """What became of a commit; only `committed` wrote anything."""

    COMMITTED = "committed"
    REPEATED = "repeated"  # this turn id was committed before
    STALE = "stale"  # another turn was committed since, or the conversation was merged: open it again
    INTERVIEW_CHANGED = "interview_changed"  # a slot or booking is not as the turn saw it: open it again
    TAKEN_OVER = "taken_over"  # the fence moved, or a person owns the conversation while the assistant speaks


class Recipient(msgspec.Struct, kw_only=True):
    """Where the candidate is reached: newest phone number (digits without `+`) and newest BSUID; empty if unknown."""

    wa_id: str = ""
    bsuid: str = ""


class ChatwootLink(msgspec.Struct, kw_only=True):
    """Chatwoot's ids; `conversation_id` is the display id. 0 = not linked yet."""

    contact_id: int = 0
    conversation_id: int = 0


class Fact(msgspec.Struct, kw_only=True):
    """A current fact of the candidate with its evidence. `value` is any JSON."""

    id: str
    field: str
    value: Any
    quote: str
    message_id: str
    source: str
    confidence: float
    confirmed: bool
    at: datetime
    document_page: int | None = None


class Consent(msgspec.Struct, kw_only=True):
    """The latest word of the candidate on one purpose."""

    purpose: str
    granted: bool
    text_version: str
    at: datetime


class TranscriptLine(msgspec.Struct, kw_only=True):
    """One message of the conversation. `author`: candidate, assistant, human or system."""

    message_id: str
    author: str
    kind: str
    text: str
    choice_id: str
    at: datetime


class OpenTurn(msgspec.Struct, kw_only=True):
    """All a turn needs. `address` is the canonical one: differs from the asked one after identities were merged.

    `transcript` holds the last 20 messages, oldest first; `seen` the asked message ids that are already stored;
    `interview_asked` is the message id of the list of interview times that waits for a choice, empty if none does.
    """

    conversation_id: str
    candidate_id: str
    address: str
    number_id: str
    turn_no: int
    fence: int
    owner: Owner
    owner_since: datetime
    owner_reason: str
    opted_out: bool
    stage: str = ""
    language: str | None
    intake: dict[str, Any]
    window_expires_at: datetime | None
    recipient: Recipient
    profile_name: str
    username: str
    chatwoot: ChatwootLink
    facts: list[Fact]
    consents: list[Consent]
    transcript: list[TranscriptLine]
    interview_asked: str = ""
    seen: list[str]


class NewMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message to store; `sent_at` in Unix seconds. A known `message_id` is ignored, never an error."""

    message_id: str
    author: str
    kind: str
    text: str = ""
    choice_id: str = ""
    payload: dict[str, Any] = {}
    sent_at: float


class NewFact(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A fact to store; `id` (uuid) may be brought by the caller so that it can be retracted later."""

    field: str
    value: Any
    quote: str
    message_id: str
    source: str
    confidence: float
    confirmed: bool = False
    id: str | None = None
    document_page: int | None = None


class NewConsent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One word of the candidate on a purpose; `method` is how it was given, such as a button id."""

    purpose: str
    granted: bool
    text_version: str
    language: str
    message_id: str
    method: str


class OwnerChange(msgspec.Struct, kw_only=True):
    """Hands the right to speak to `owner`; raises the fence and cancels what the assistant has not sent yet."""

    owner: Owner
    reason: str


class TurnCommit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything a turn changes, written in one transaction or not at all.

    `turn_no` and `fence` are those `open_turn` gave. `window_at` is the time (Unix seconds) of the candidate's newest
    message. `intake` None keeps the stored one. `application` = {vacancy: code, stage, must_have_results, reasons}.
    `interviews` = acts in their order, as `store_interviews` reads them: {act: invite | book | move | cancel | ask |
    decline | end, …}.
    """

    turn_id: str
    conversation_id: str
    turn_no: int
    fence: int
    worker: str
    lease_seconds: float
    messages: list[NewMessage] = []
    facts: list[NewFact] = []
    retract: list[str] = []
    consents: list[NewConsent] = []
    intake: dict[str, Any] | None = None
    language: str | None = None
    opted_out: bool | None = None
    owner: OwnerChange | None = None
    window_at: float | None = None
    stage: str | None = None
    application: dict[str, Any] | None = None
    interviews: list[dict[str, Any]] = []
    chatwoot: ChatwootLink | None = None
    decision: dict[str, Any] = {}
    outbox: list[NewOutboxRow] = []


class CommitResult(msgspec.Struct, kw_only=True):
    """State after the commit; `claimed` are the WhatsApp rows leased to the worker, to be sent in this order."""

    status: CommitStatus
    turn_no: int
    fence: int
    owner: Owner
    claimed: list[ClaimedRow]


class Shown(msgspec.Struct, kw_only=True):
    """Messages are stored ahead of their turn; `claimed` are Chatwoot's rows leased to the worker, in this order."""

    conversation_id: str
    address: str
    owner: Owner
    claimed: list[ClaimedRow]


class TurnRecord(msgspec.Struct, kw_only=True):
    """One entry of the decision log."""

    turn_id: str
    turn_no: int
    at: datetime
    decision: dict[str, Any]


class ConversationView(OpenTurn, kw_only=True):
    """Everything known of a conversation, with all messages in `transcript`: tests, the API, the privacy officer."""

    stage: str
    addresses: list[str]
    turns: list[TurnRecord]
    outbox: list[OutboxRow]


class _Located(msgspec.Struct):
    address: str


class Conversations:
    """The conversations in the record. Every call is one round trip and one transaction."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def open_turn(
        self,
        *,
        address: str,
        number_id: str,
        sender: Sender,
        message_ids: list[str],
        previous: Sender | None = None,
    ) -> OpenTurn:
        """Load the conversation of `sender`, creating candidate and conversation when unknown.

        `previous` names identities that are known to be the same person (WhatsApp's change notices).
        """
        p: dict[str, Any] = {
            "address": address,
            "number_id": number_id,
            "message_ids": message_ids,
            **msgspec.to_builtins(sender),
        }
        if previous is not None:
            p["previous"] = msgspec.to_builtins(previous)
        return await self._pool.call("open_turn", p, OpenTurn)

    async def show_arrivals(
        self,
        *,
        address: str,
        number_id: str,
        sender: Sender,
        previous: Sender | None,
        messages: list[NewMessage],
        outbox: list[NewOutboxRow],
        worker: str,
        lease_seconds: float,
    ) -> Shown | None:
        """Store a candidate's messages before their turn, with the rows that show them. Known ones are ignored.

        Creates who is unknown, as `open_turn` does. None: nothing was done, the turn will do it.
        """
        p: dict[str, Any] = {
            "address": address,
            "number_id": number_id,
            **msgspec.to_builtins(sender),
            "messages": messages,
            "outbox": outbox,
            "window_at": max(message.sent_at for message in messages),
            "worker": worker,
            "lease_seconds": lease_seconds,
        }
        if previous is not None:
            p["previous"] = msgspec.to_builtins(previous)
        return await self._pool.call("show_arrivals", p, Shown | None)

    async def find(self, address: str, message_ids: list[str] | None = None) -> OpenTurn | None:
        """Load the conversation at a known address; None if there is none."""
        p = {"address": address, "message_ids": message_ids or []}
        return await self._pool.call("open_turn", p, OpenTurn | None)

    async def locate(self, number_id: str, person: Sender) -> str:
        """Address of the conversation with a person we know; empty if we do not."""
        p = {"number_id": number_id, "bsuid": person.bsuid, "wa_id": person.wa_id}
        return (await self._pool.call("locate_conversation", p, _Located)).address

    async def commit_turn(self, commit: TurnCommit) -> CommitResult:
        """Write a turn once; repeating the same `turn_id` writes nothing and still claims what is due."""
        return await self._pool.call("commit_turn", commit, CommitResult)

    async def set_chatwoot(self, conversation_id: str, link: ChatwootLink) -> None:
        """Remember Chatwoot's ids; a 0 leaves the stored id alone."""
        p = {
            "conversation_id": conversation_id,
            "contact_id": link.contact_id or None,
            "conversation_display_id": link.conversation_id or None,
        }
        await self._pool.call("set_chatwoot", p, dict[str, Any])

    async def view(self, *, address: str = "", conversation_id: str = "") -> ConversationView | None:
        """Everything of one conversation, by either key."""
        p = {"conversation_id": conversation_id} if conversation_id else {"address": address}
        return await self._pool.call("conversation_view", p, ConversationView | None)
