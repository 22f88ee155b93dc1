"""Operations: what was given up, and how to send it again. Open to whoever holds OPS_TOKEN."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, HTTPException, Request

from app.api.ops_token import OpsGate
from app.database.outbox import OutboxRow
from app.database.record import Record
from app.mailbox.mailbox import Mailbox


class Waker(Protocol):
    """The part of the task engine that a door may touch."""

    def soon(self, address: str, epoch: int) -> None:
        """Wake a mailbox."""


class Parts(Protocol):
    """What operations need of the process."""

    mailbox: Mailbox
    wakeups: Waker

    @property
    def record(self) -> Record:
        """The record, while the process runs."""


def _gate(request: Request) -> None:
    gate: OpsGate = request.app.state.gate
    if refusal := gate.refusal(request.scope["headers"]):
        raise HTTPException(refusal.status, detail=refusal.detail, headers={"x-problem": refusal.kind})


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.desk
    return parts


Desk = Annotated[Parts, Depends(_parts)]
router = APIRouter(prefix="/api/v1", dependencies=[Depends(_gate)])


def _letter(row: OutboxRow) -> dict[str, object]:
    """No text and no recipient: an operator sees what failed and why, a recruiter sees it in Chatwoot."""
    return {
        "id": row.id,
        "kind": "outbox",
        "conversation": row.address,
        "channel": row.channel,
        "state": row.state,
        "attempts": row.attempts,
        "error_code": row.error_code,
        "error_title": row.error_title,
        "created_at": row.created_at.isoformat(),
    }


@router.get("/dead-letters")
async def dead_letters(desk: Desk, limit: int = 100) -> dict[str, object]:
    """Turns whose events failed every try, and outbox rows that were given up or refused."""
    limit = max(1, min(limit, 1000))
    turns = [
        {
            "id": letter.address,
            "kind": "turn",
            "conversation": letter.address,
            "events": letter.count,
            "parked_at": letter.at,
        }
        for letter in await desk.mailbox.letters.listed(limit)
    ]
    return {"dead_letters": [*turns, *(_letter(row) for row in await desk.record.outbox.dead(limit))]}


@router.post("/dead-letters/{letter_id}/rearm")
async def rearm(desk: Desk, letter_id: str) -> dict[str, object]:
    """Try once more: a mailbox address or the id of an outbox row. 404 when nothing dead has this id."""
    if ":" in letter_id or letter_id == "quarantine":
        events, epoch = await desk.mailbox.letters.rearm(letter_id)
        if events:
            desk.wakeups.soon(letter_id, epoch)
            return {"id": letter_id, "rearmed": True, "events": events}
    elif await desk.record.outbox.rearm(letter_id):
        return {"id": letter_id, "rearmed": True}
    raise HTTPException(404, detail="nothing dead has this id; GET /api/v1/dead-letters lists what has")
