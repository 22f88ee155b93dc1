"""What tests of whole conversations look at: requests counted at Chatwoot's twin, quiet, three transcripts."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of, status_address
from app.database.conversations import ConversationView
from app.database.outbox import Channel, State
from app.mailbox.keys import keys
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, until_true

WRITES = r"^(POST|PATCH|PUT|DELETE) /api(?!.*/filter)"
NEVER = 10**9
UNENDED = (State.PENDING, State.SENDING, State.UNCERTAIN)
UNSENT = (*UNENDED, State.CANCELLED, State.DEAD, State.FAILED)


@dataclass(frozen=True)
class Counter:
    """Counts requests that reach a twin: a fault that looks at each and never acts."""

    stack: Stack
    fault_id: str

    async def seen(self) -> int:
        faults = (await self.stack.chatwoot_http.get("/_twin/faults")).json()
        return next(int(each["seen"]) for each in faults if each["id"] == self.fault_id)


async def fault(stack: Stack, **order: object) -> str:
    """A fault at Chatwoot's twin; returns its id."""
    answer = await stack.chatwoot_http.post("/_twin/faults", json=order)
    assert answer.is_success, answer.text
    return str(answer.json()[0]["id"])


async def lift(stack: Stack, fault_id: str) -> None:
    await stack.chatwoot_http.delete("/_twin/faults", params={"id": fault_id})


@contextlib.asynccontextmanager
async def counted(stack: Stack, on: str = WRITES) -> AsyncIterator[Counter]:
    made = await fault(stack, on=on, action="delay", skip=NEVER, times=None)
    try:
        yield Counter(stack, made)
    finally:
        await lift(stack, made)


async def act(stack: Stack, conversation: int, **fields: object) -> None:
    answer = await stack.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json=fields)
    assert answer.is_success, answer.text


async def idle(stack: Stack, phone: Phone) -> bool:
    """Nothing waits in the mailbox, nobody works on it, every row has reached its end."""
    address = address_of(NUMBER_ID, phone.number)
    async with Redis.from_url(stack.redis.url) as redis:
        if await redis.exists(*keys(address, "q", "lock")):
            return False
    view = await stack.record.conversations.view(address=address)
    return view is not None and not any(row.state in UNENDED for row in view.outbox)


async def all_told(stack: Stack) -> bool:
    """WhatsApp's reports are read and Chatwoot shows what became of every message: `read` may come long after the rest
    and is a write like any other."""
    await stack.whatsapp_http.get("/_twin/idle")
    async with Redis.from_url(stack.redis.url) as redis:
        if await redis.exists(*keys(status_address(NUMBER_ID), "q", "lock")):
            return False
    return not await stack.record.desk.unshown()


async def until_idle(stack: Stack, phone: Phone, seconds: float = 30) -> None:
    """Quiet at the twins first, so that what they are about to tell has been told."""

    async def quiet() -> bool:
        for twin in (stack.whatsapp_http, stack.chatwoot_http):
            await twin.get("/_twin/idle")
        return await idle(stack, phone)

    await until_true(quiet, what="everything to come to rest", seconds=seconds)


def bare(text: str | None) -> str:
    """Letters and digits: markup, escapes and shown options aside."""
    return re.sub(r"[\W_]+", "", text or "")


@dataclass
class Sides:
    """One conversation as three see it: lines "who:words", oldest first."""

    phone: list[str]
    record: list[str]
    chatwoot: list[str]
    unsent: list[int] = field(default_factory=list)  # Chatwoot's ids of public messages marked failed

    def problems(self) -> list[str]:
        """Where they differ; order within what one side alone can order is compared, see the module's tests."""
        found = []
        for name, lines in (("record", self.record), ("chatwoot", self.chatwoot)):
            if sorted(lines) != sorted(self.phone):
                found.append(f"{name} has {lines}, the phone {self.phone}")
        if only(self.phone, "business", "recruiter") != only(self.record, "business", "recruiter"):
            found.append(f"the phone's order {self.phone}, the record's {self.record}")
        if only(self.chatwoot, "candidate", "business") != only(self.record, "candidate", "business"):
            found.append(f"Chatwoot's order {self.chatwoot}, the record's {self.record}")
        return found


def only(lines: list[str], *whose: str) -> list[str]:
    return [line for line in lines if line.partition(":")[0] in whose]


async def sides(stack: Stack, phone: Phone, conversation: int, written: dict[int, str]) -> Sides:
    """`written`: texts of recruiters' public messages by Chatwoot's id, also of those deleted since."""
    words = {bare(text) for text in written.values()}
    screen = (await phone.screen())["messages"]
    shown = stack.shown_in_chatwoot(conversation)
    public = [each for each in shown if not each.private]
    failed = [each.id for each in public if each.status == "failed"]
    seen = [f"{_who(each['from'], each['text'], words)}:{bare(each['text'])}" for each in screen]
    said = {line.partition(":")[2] for line in seen}
    mirror = []
    for each in public:
        text = bare(written.get(each.id, each.content))
        if each.id in failed or (each.content_attributes.get("deleted") and text not in said):
            continue
        who = "recruiter" if each.id in written else "candidate" if each.message_type == "incoming" else "business"
        mirror.append(f"{who}:{_as_on_phone(text, said)}")
    return Sides(seen, recorded(await phone.view()), mirror, failed)


def _who(side: str, text: str, words: set[str]) -> str:
    if side != "business":
        return "candidate"
    return "recruiter" if bare(text) in words else "business"


def _as_on_phone(text: str, said: set[str]) -> str:
    """Chatwoot shows the options of a message behind its words."""
    return (
        text if text in said else max((each for each in said if each and text.startswith(each)), key=len, default=text)
    )


def recorded(view: ConversationView) -> list[str]:
    """The record's transcript without what has not been sent."""
    kinds = {"candidate": "candidate", "human": "recruiter"}
    rows = [row for row in view.outbox if row.channel is Channel.WHATSAPP]
    unsent = {row.id for row in rows if row.state in UNSENT}
    unsent |= {f"cw:{row.body.get('chatwoot_message_id')}" for row in rows if row.state in UNSENT}
    return [
        f"{kinds.get(line.author, 'business')}:{bare(line.text)}"
        for line in view.transcript
        if line.message_id not in unsent
    ]
