"""Any interleaving of both sides' acts ends in one transcript: on the phone, in the record and in Chatwoot.

Two sides that write at once are ordered by nobody; whatever one of them wrote, and all that was quiet in between, is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from app.channels.whatsapp_inbound import address_of
from app.database.conversations import Owner
from app.engine.composer import STATUS_OF_OWNER
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_scenarios import Step, owner_after, scenarios
from tests.chatwoot.interleaving_world import Sides, act, bare, fault, lift, only, sides, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("seen-interleavings")
SCENARIOS = 16
GONE = "had already reached WhatsApp"


@pytest.fixture(scope="module")
async def searching(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that searches Chatwoot every second beside the webhooks."""
    directory = tmp_path_factory.mktemp("searching")
    async with running_stack(postgres, directory, RECONCILE_DESK_SECONDS="1") as stack:
        await stack.serve()
        yield stack


@dataclass
class Conversation:
    """One scenario as it happens."""

    stack: Stack
    phone: Phone
    number: int
    owner: Owner = Owner.ASSISTANT
    written: dict[int, str] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    groups: list[Sides] = field(default_factory=list)
    silent_after: int | None = None  # what the phone had shown when a status took the conversation
    spoken_last: str = ""  # the recruiter's message that took it

    async def candidate(self, index: int, _: Step) -> None:
        await self.phone.say(f"message {index}")

    async def recruiter(self, index: int, step: Step) -> None:
        text = f"Rosa {index} of {self.phone.number}"
        if step.lost or step.twice:
            action = "drop" if step.lost else "duplicate"
            await fault(self.stack, on="WEBHOOK inbox:message_created", match=text, action=action)
        if step.refused:
            order = {"on": "POST /messages", "match": text, "action": "respond", "status": 400, "code": 131026}
            await self.stack.whatsapp_http.post("/_twin/faults", json=order)
        said = await self.stack.recruiter(self.number, content=text)
        self.written[said["id"]] = text
        self.refused |= {said["id"]} if step.refused else set()
        self.spoken_last, self.silent_after = "" if step.refused else bare(text), None

    async def note(self, index: int, _: Step) -> None:
        await self.stack.recruiter(self.number, content=f"between us {index}", private=True)

    async def read(self, *_: object) -> None:
        await self.stack.whatsapp_http.post(f"/_twin/candidates/{self.phone.number}/read", json={})

    async def delete(self, *_: object) -> None:
        """Of the newest message. Deletions that overtake the turn that reads the message: see test_seen_deletions."""
        left = [message_id for message_id in self.written if message_id not in self.deleted | self.refused]
        if left:
            await until_true(lambda: self.known(left[-1]), what="the message to be read", seconds=25)
            self.deleted.add(left[-1])
            await self.stack.chatwoot_http.delete(f"/_twin/conversations/{self.number}/messages/{left[-1]}")

    async def known(self, message_id: int) -> bool:
        return f"cw:{message_id}" in [line.message_id for line in (await self.phone.view()).transcript]

    async def status(self, _: int, step: Step) -> None:
        if step.lost:
            told = address_of(NUMBER_ID, self.phone.number)
            order = {"on": "WEBHOOK inbox:conversation", "match": told, "action": "drop", "times": None}
            self.lost.append(await fault(self.stack, **order))
        await act(self.stack, self.number, status=step.status)
        self.spoken_last = ""

    async def settle(self) -> None:
        """Until everything people did has taken effect and nothing moves."""

        async def in_effect() -> bool:
            view = await self.phone.view()
            known = {line.message_id for line in view.transcript}
            shown = self.stack.chatwoot.store.state.conversations[self.number].status
            unshown = await self.stack.record.desk.unshown()
            return (
                all(f"cw:{each}" in known for each in self.written)
                and not any(each.conversation_id == view.conversation_id for each in unshown)
                and view.owner is self.owner
                and shown == STATUS_OF_OWNER[self.owner]
            )

        await until_idle(self.stack, self.phone)
        await until_true(in_effect, what=f"all acts to take effect; {self.owner} to speak", seconds=25)
        await until_idle(self.stack, self.phone)
        for fault_id in self.lost:
            await lift(self.stack, fault_id)
        self.lost = []
        self.groups.append(await sides(self.stack, self.phone, self.number, self.written))

    async def run(self, steps: Sequence[Step]) -> None:
        for index, step in enumerate(steps):
            if step.kind == "status":
                await self.settle()
            await getattr(self, step.kind)(index, step)
            before, self.owner = self.owner, owner_after(self.owner, step)
            if self.owner is Owner.ASSISTANT and before is not Owner.ASSISTANT:
                self.spoken_last, self.silent_after = "", None
            if step.settled:
                await self.settle()
            if step.kind == "status" and self.owner is not Owner.ASSISTANT:
                self.silent_after = len(only(self.groups[-1].phone, "business"))
        await self.settle()

    def problems(self) -> list[str]:
        """What is wrong at the end."""
        found = [each for group in self.groups for each in group.problems()]
        for earlier, later in zip(self.groups, self.groups[1:], strict=False):
            for side in ("phone", "record", "chatwoot"):
                was, now = getattr(earlier, side), getattr(later, side)
                kept = [line for line in now[: len(was)] if line in was]
                found += [] if was == now[: len(was)] or was == kept else [f"{side} changed what it had: {was} {now}"]
        last = self.groups[-1]
        due = {bare(text) for key, text in self.written.items() if key not in self.deleted | self.refused}
        got = [line.partition(":")[2] for line in only(last.phone, "recruiter")]
        may = {bare(self.written[key]) for key in self.deleted}
        if len(got) != len(set(got)) or not due <= set(got) <= due | may:
            found.append(f"recruiters' words on the phone: {got}, due: {due}")
        if not self.refused <= set(last.unsent):
            found.append(f"not marked as failed: {self.refused - set(last.unsent)}")
        return found + self._talked_over(last) + self._untold(got)

    def _talked_over(self, last: Sides) -> list[str]:
        spoken = only(last.phone, "business")
        if self.silent_after is not None and len(spoken) != self.silent_after:
            return [f"the assistant spoke after a status took the conversation: {spoken[self.silent_after :]}"]
        line = f"recruiter:{self.spoken_last}"
        if self.spoken_last and line in last.phone and only(last.phone[last.phone.index(line) :], "business"):
            return [f"the assistant spoke after {line}: {last.phone}"]
        return []

    def _untold(self, got: list[str]) -> list[str]:
        """A message that was deleted too late is said to have gone."""
        notes = [each.content or "" for each in self.stack.shown_in_chatwoot(self.number) if each.private]
        gone = [key for key in self.deleted if bare(self.written[key]) in got]
        told = sum(GONE in note for note in notes)
        return [] if told >= len(gone) else [f"{len(gone)} deleted messages had gone, notes: {notes}"]


async def test_any_interleaving_ends_in_the_same_transcript_on_both_sides(searching: Stack) -> None:
    async def play(steps: list[Step]) -> list[str]:
        phone, number = await met(searching)
        conversation = Conversation(searching, phone, number)
        try:
            await conversation.run(steps)
        except AssertionError as error:
            return [str(error)[:300]]
        return conversation.problems()

    played = scenarios(SCENARIOS)
    found = await asyncio.gather(*[play(steps) for steps in played])
    wrong = [
        f"{', '.join(map(str, steps))}\n  " + "\n  ".join(problems)
        for steps, problems in zip(played, found, strict=True)
        if problems
    ]
    assert not wrong, f"{len(wrong)} of {len(played)} conversations:\n" + "\n".join(wrong)


async def test_a_message_found_late_does_not_undo_a_return_that_came_after_it(searching: Stack) -> None:
    """Webhooks and the search in either order give one result: who acted last decides."""
    phone, number = await met(searching)
    await searching.recruiter(number, content="Rosa first")
    await until_owned(phone, Owner.HUMAN)
    await until_idle(searching, phone)
    await fault(searching, on="WEBHOOK inbox:message_created", match="Rosa second", action="drop")
    await searching.recruiter(number, content="Rosa second")
    await act(searching, number, status="pending")
    await until_owned(phone, Owner.ASSISTANT)
    await phone.until(lambda all_: any(each["text"] == "Rosa second" for each in all_), "the message", seconds=20)
    await until_idle(searching, phone)
    assert (await phone.view()).owner is Owner.ASSISTANT
