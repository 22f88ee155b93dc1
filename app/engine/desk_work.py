"""What a turn does for recruiters before it commits: commands, withdrawn messages, forgetting a person."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.channels.chatwoot import Chatwoot
from app.channels.errors import SendError
from app.database.conversations import OpenTurn
from app.database.desk import DeskRecord
from app.database.errors import RecordUnavailable
from app.engine.commands import Commands
from app.engine.desk_acts import Acts
from app.engine.folding import Fold
from app.recruiting.events import RecruiterSaid
from app.telemetry.logs import get_logger

log = get_logger()
GONE = "The deleted message had already reached WhatsApp and cannot be taken back: the candidate may have read it."
STOPPED = "The deleted message had not been sent yet; the candidate does not get it."


class DeskWork:
    """`erase_thinking` deletes what the graph keeps of a conversation; `returned` is a phrase by language."""

    def __init__(
        self,
        record: DeskRecord,
        chatwoot: Chatwoot,
        commands: Commands,
        *,
        erase_thinking: Callable[[str], Awaitable[None]],
        returned: Callable[[str], str],
        find_overtaken: Callable[[str, list[RecruiterSaid]], Awaitable[bool]],
        team_id: int = 0,
        return_label: str = "",
        handoff_label: str = "",
    ) -> None:
        self._record = record
        self._chatwoot = chatwoot
        self._commands = commands
        self._erase_thinking = erase_thinking
        self._returned = returned
        self._find_overtaken = find_overtaken
        self._settings = Acts(team_id=team_id, return_label=return_label, handoff_label=handoff_label)

    async def acts(self, opened: OpenTurn, fold: Fold, done: dict[str, str]) -> Acts:
        """Safe to repeat. Raises RecordError, RedisError.

        `done`: what was answered to acts that change something, by their keys. A turn that begins again must not do
        them again: its second look would find nothing left to do, and say so.
        """
        returned = self._returned(opened.language or "en") if fold.back else ""
        acts = replace(self._settings, returned=returned)
        for event in fold.deleted:
            key = f"deleted:{event.message_id}"
            if key not in done:
                withdrawn = await self._record.withdraw(opened.conversation_id, event.message_id)
                done[key] = GONE if withdrawn.gone else STOPPED if withdrawn.withdrawn else ""
            if done[key]:
                acts = replace(acts, answers=[*acts.answers, (key, done[key])])
        spoke_at = max(fold.people_spoke_at, default=_spoke_at(opened))
        for note in fold.notes:
            acts = await self._commands.run(opened, note, acts, spoke_at=spoke_at, done=done)
        return acts

    async def overtaken(self, address: str, said: list[RecruiterSaid], looked: set[int]) -> bool:
        """Whether something that recruiters wrote before `said` lies in the mailbox now, behind it. `looked` has the
        messages that were looked behind already. Raises RedisError."""
        newest = max((event.message_id for event in said), default=0)
        if newest == 0 or newest in looked:
            return False
        looked.add(newest)
        return await self._find_overtaken(address, said)

    async def erase(self, opened: OpenTurn) -> None:
        """Chatwoot, checkpoints, record, in this order: until the record forgets, a crash begins again.

        Raises RecordError, RedisError.
        """
        if opened.chatwoot.contact_id:
            try:
                await self._chatwoot.delete_contact(opened.chatwoot.contact_id)
            except SendError as error:
                raise RecordUnavailable("Chatwoot does not delete the contact", operation="erase") from error
        await self._erase_thinking(opened.conversation_id)
        await self._record.erase(opened.candidate_id)
        log.info("candidate.erased")


def _spoke_at(opened: OpenTurn) -> float:
    """When a person last wrote to the candidate, in Unix seconds; 0 if not among the last messages."""
    return max((line.at.timestamp() for line in opened.transcript if line.author == "human"), default=0.0)
