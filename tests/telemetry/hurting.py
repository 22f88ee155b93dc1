"""Everything that can go wrong around a running service, with a candidate's words, number, name or a token in each."""

import base64
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.mailbox.dead_letters import DEAD
from app.mailbox.keys import keys
from tests.fixtures.documents import docx, paragraph
from tests.fixtures.models import Llm
from tests.fixtures.stack import NUMBER_ID, Phone, Process, Stack, until_true
from tests.journeys.test_many_at_once import body_of, signed, text
from tests.telemetry.test_canaries import CANARIES, planted
from tests.telemetry.watching import SentryServer, lines

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def phone_of(number: int) -> str:
    return CANARIES[f"phone-{number}"].lstrip("+")


@dataclass
class Hurt:
    """A process under way, what it answered over HTTP, and where it reports."""

    stack: Stack
    llm: Llm
    sentry: SentryServer
    process: Process
    client: httpx.AsyncClient
    answers: list[httpx.Response] = field(default_factory=list)

    async def candidate(self, number: int) -> Phone:
        """The candidate of this number, who has said hello and been answered."""
        fields = {"id": phone_of(number), "wa_id": phone_of(number), "name": CANARIES[f"name-{number}"]}
        assert (await self.stack.whatsapp_http.post("/_twin/candidates", json=fields)).is_success
        phone = Phone(self.stack, phone_of(number))
        await phone.exchange("Hello, I am looking for work")
        return phone

    async def post(self, path: str, body: bytes, **headers: str) -> int:
        answer = await self.client.post(path, content=body, headers=headers)
        self.answers.append(answer)
        return answer.status_code

    async def get(self, path: str, **query: str) -> int:
        answer = await self.client.get(path, params=query)
        self.answers.append(answer)
        return answer.status_code

    async def logged(self, message: str, **fields: object) -> None:
        """Wait until a line with this message and these fields was written."""

        async def there() -> bool:
            return any(fields.items() <= line.items() for line in lines(self.process, message))

        await until_true(there, what=f"the log's {message} {fields}", seconds=30)

    async def delivered(self, label: str) -> None:
        """Wait until /metrics counts a send to WhatsApp with this label."""

        async def there() -> bool:
            found = (await self.client.get("/metrics")).text.splitlines()
            return any(line.startswith('deliveries_total{channel="whatsapp",') and label in line for line in found)

        await until_true(there, what=f"a delivery with {label}", seconds=30)


async def models(hurt: Hurt) -> None:
    """A turn with models; then every vendor quotes its request in an error."""
    phone = await hurt.candidate(0)
    for option in ("Start", "Yes, I agree"):
        before = len(await phone.replies())
        await phone.tap(option)
        await phone.until_said(before + 1)
    await phone.exchange(planted(0))
    assert hurt.llm.calls() > 0
    hurt.llm.fault("/v1/messages", action="respond", status=500, body={"error": {"message": planted(1)}})
    hurt.llm.fault("/v1/responses", action="respond", status=400, body={"error": {"message": planted(1)}})
    await phone.exchange(planted(1))
    hurt.llm.twin.faults.clear()


async def documents(hurt: Hurt) -> None:
    """A CV with its words, under a name that says whose it is."""
    phone = await hurt.candidate(2)
    content = docx("".join(paragraph(CANARIES[f"{kind}-2"]) for kind in ("cv", "name", "phone", "text")))
    encoded = base64.b64encode(content).decode()
    await phone.exchange(type="document", mime_type=DOCX, filename=f"{CANARIES['name-2']}.docx", content_base64=encoded)


async def doors(hurt: Hurt) -> None:
    """Malformed, wrongly signed, breaking, and asked for what is not there."""
    odd: dict[str, Any] = {"id": {"of": planted(3)}, "from": phone_of(3), "type": "text", "text": planted(3)}
    body = body_of([odd])
    assert await hurt.post("/webhooks/360dialog", body, **signed(body)) == 200
    body = f'{{"entry": "{planted(3)}'.encode()
    assert await hurt.post("/webhooks/360dialog", body, **signed(body)) == 400
    query = str(httpx.QueryParams({"phone": CANARIES["phone-4"], "text": planted(4)}))
    ours = {
        "x-360dialog-signature": CANARIES["token-4"],
        "x-chatwoot-signature": CANARIES["token-4"],
        "x-chatwoot-timestamp": str(int(time.time())),
        "x-request-id": CANARIES["phone-4"],
        "x-railway-request-id": CANARIES["phone-4"],
        "user-agent": CANARIES["name-4"],
        "cookie": f"session={CANARIES['token-4']}",
    }
    for path in ("360dialog", "chatwoot"):
        assert await hurt.post(f"/webhooks/{path}?{query}", planted(4).encode(), **ours) == 401
    body = body_of([text(phone_of(5), f"break the door {planted(5)}")])
    assert await hurt.post("/webhooks/360dialog", body, **signed(body)) == 500
    assert await hurt.get(f"/{CANARIES['name-5']}/{CANARIES['phone-5']}", q=planted(5)) == 404
    assert await hurt.get("/api/v1/dead-letters", limit=planted(5)) == 422
    assert (
        await hurt.get("/webhooks/360dialog", **{"hub.mode": "subscribe", "hub.verify_token": CANARIES["token-5"]})
        == 403
    )
    async with Redis.from_url(hurt.stack.redis.url) as redis:
        await redis.set(DEAD, planted(5))
        assert await hurt.get("/api/v1/dead-letters", q=planted(5)) == 500
        await redis.delete(DEAD)
        queue = keys(address_of(NUMBER_ID, phone_of(5)), "q")[0]
        await redis.set(queue, planted(5))
        body = body_of([text(phone_of(5), planted(5))])
        assert await hurt.post("/webhooks/360dialog", body, **signed(body)) == 503
        await redis.delete(queue)


async def desk(hurt: Hurt) -> None:
    """A recruiter writes, and Chatwoot quotes what it refuses."""
    phone = await hurt.candidate(6)

    async def mirrored() -> bool:
        return (await phone.view()).chatwoot.conversation_id is not None

    await until_true(mirrored, what="the conversation in Chatwoot")
    order = {"on": "POST .*/messages", "action": "respond", "status": 422, "body": {"message": planted(6)}, "times": 2}
    assert (await hurt.stack.chatwoot_http.post("/_twin/faults", json=order)).is_success
    await phone.exchange(planted(6))
    await hurt.stack.recruiter((await phone.view()).chatwoot.conversation_id, content=planted(6))
    await phone.until(lambda replies: any(planted(6) in reply["text"] for reply in replies), "the recruiter's words")


async def deliveries(hurt: Hurt) -> None:
    """WhatsApp refuses one message and then our key, quoting both."""
    for number, code, status, label in ((7, 131026, 400, 'outcome="failed"'), (9, 0, 401, 'error_class="auth"')):
        phone = await hurt.candidate(number)
        body = {"error": {"message": planted(number), "code": code, "error_data": {"details": planted(number)}}}
        order = {"on": "POST /messages", "match": '"to"', "action": "respond", "status": status, "body": body}
        assert (await hurt.stack.whatsapp_http.post("/_twin/faults", json=order)).is_success
        await phone.say(planted(number))
        await hurt.delivered(label)


async def node(hurt: Hurt) -> None:
    """A turn that fails every try, with all it knows in its error."""
    phone = await hurt.candidate(8)
    await phone.say(f"break the node {planted(8)}")
    await phone.until(lambda replies: "went wrong on our side" in replies[-1]["text"], "the apology", seconds=60)
    await hurt.logged("turn.failed")


async def everything(hurt: Hurt) -> None:
    """In an order in which no step stands in another's way: at the end our key is refused."""
    for step in (models, documents, doors, desk, node, deliveries):
        await step(hurt)

    async def reported() -> bool:
        return {"RuntimeError", "LookupError", "ResponseError"} <= set(hurt.sentry.kinds)

    await until_true(reported, what=f"reports of all failures, not only {hurt.sentry.kinds}")
    assert orjson.loads(hurt.process.log.read_bytes().split(b"\n")[0])
