"""Commands that recruiters write as private notes, answered by private notes."""

import time
from dataclasses import replace

import msgspec

from app.channels.markup import to_chatwoot, to_whatsapp
from app.channels.whatsapp import Template
from app.database.conversations import Conversations, ConversationView, OpenTurn, Owner, OwnerChange
from app.database.outbox import Channel, Outbox, State
from app.engine.desk_acts import Acts
from app.engine.desk_outcomes import Templates, templates_text
from app.engine.interview_orders import InterviewOrders
from app.engine.vacancy_link import VacancyLinks
from app.engine.wakeups import Wakeups
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import RecruiterNoted
from app.recruiting.phrases import phrases
from app.recruiting.profile import Fact, Field
from app.recruiting.readback import items

DESK_LANGUAGE = "en"
PAUSE_HOURS = 4.0
MOST_PAUSE_HOURS = 14 * 24.0
MOST_RETRIES = 10
HELP = """Commands, as private notes:
- `/bot` the assistant goes on
- `/pause [hours]` the assistant is silent, then goes on
- `/summary` where this conversation stands
- `/profile` what is known, with the candidate's own words
- `/match` how the candidate fits
- `/interview [CODE]` offer the vacancy's free times; `/interview cancel` calls the interview off
- `/template NAME [language] [field | field]` send an approved template
- `/retry` send again what did not arrive
- `/why` what the assistant did last and on which grounds
- `/forget` erase this person (asks to confirm)"""
LATE = "A person has written to the candidate since this `/bot`. Write `/bot` again to give the conversation back."
FORGOTTEN_NOT = "Backups, logs of 360Dialog and Meta, and copies on the candidate's phone are outside its reach."


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What a `/retry` does: outbox rows to send once more, and what the recruiter is told."""

    rows: list[str]
    answer: str


_encoder = msgspec.json.Encoder()
_again = msgspec.json.Decoder(Again)


class Commands:
    """Reads one note at a time. Doing the same note twice writes its answer once."""

    def __init__(
        self,
        conversations: Conversations,
        outbox: Outbox,
        templates: Templates,
        mailbox: Mailbox,
        wakeups: Wakeups,
        vacancies: VacancyLinks,
        interviews: InterviewOrders,
    ) -> None:
        self._conversations = conversations
        self._outbox = outbox
        self._templates = templates
        self._mailbox = mailbox
        self._wakeups = wakeups
        self._vacancies = vacancies
        self._interviews = interviews

    async def run(
        self, opened: OpenTurn, note: RecruiterNoted, acts: Acts, *, spoke_at: float, done: dict[str, str]
    ) -> Acts:
        """`acts` with what this note asks for. Notes that are no commands ask for nothing. Raises RecordError.

        `done` has the answers of commands that have been carried out, by their keys, and takes new ones.

        `spoke_at` (Unix seconds) is when a person last wrote to the candidate: a `/bot` from before that comes late.
        """
        text = to_whatsapp(note.text)  # the editor writes Markdown: `\\_` and `<https://…>`
        words = text.split()
        if not words or not words[0].startswith("/"):
            return acts
        key, rest = f"command:{note.message_id}", words[1:]
        match words[0].lower():
            case "/bot":
                acts, answer = _bot(note, acts, spoke_at)
            case "/pause":
                acts, answer = await self._pause(opened, rest, acts, note.at)
            case "/template":
                acts, answer = await self._template(key, text, acts)
            case "/interview":
                acts, answer = await self._interviews.run(opened, note, rest, acts, key=key, now=time.time())
            case "/forget":
                acts, answer = _forget(opened, rest, acts)
            case "/match":
                answer = await self._vacancies.answer(opened)
            case "/retry":
                answer = done[key] = done.get(key) or await self._retry(opened, key)
            case "/why":
                view = await self._conversations.view(conversation_id=opened.conversation_id)
                answer = why(view) if view is not None else "Nothing is recorded."
            case command:
                answer = _told(opened, command)
        return replace(acts, answers=[*acts.answers, (f"{key}:answer", answer)])

    async def _pause(self, opened: OpenTurn, rest: list[str], acts: Acts, at: float) -> tuple[Acts, str]:
        try:
            hours = float(rest[0].rstrip("h").replace(",", ".")) if rest else PAUSE_HOURS
        except ValueError:
            return acts, "How many hours? For example `/pause 4`."
        if not 0 < hours <= MOST_PAUSE_HOURS:
            return acts, f"Up to {MOST_PAUSE_HOURS:g} hours, for example `/pause 4`."
        until = time.time() + hours * 3600
        await self._mailbox.note_written(opened.address, "pause", f"{until:.0f}")
        await self._wakeups.hand_back(opened.address, "pause_over", until=until)
        change = OwnerChange(owner=Owner.HUMAN, reason="command_pause")
        acts = replace(acts, owner=change, paused_at=at)
        return acts, f"The assistant is silent for {hours:g} hours. `/bot` ends that earlier."

    async def _template(self, key: str, text: str, acts: Acts) -> tuple[Acts, str]:
        templates = await self._templates.all()
        head, _, fields = text.partition("\n")
        words = head.split(maxsplit=3)[1:]
        found = [each for each in templates if words and each.name == words[0]]
        if not found:
            unknown = f"No approved template is called `{words[0].replace('`', '')}`. " if words else ""
            return acts, unknown + templates_text(templates)
        chosen, values = _chosen(found, words[1:], fields)
        if chosen is None:
            return acts, f"In which language? {', '.join(each.language for each in found)}"
        if not chosen.is_text:
            return acts, f"`{chosen.name}` takes a file, a link or a code: choose it in the composer."
        holes = chosen.holes
        if len(values) != len(holes):
            return acts, f"`{chosen.name}` has {len(holes)} fields: write them behind the language, parted by `|`."
        filled: dict[str, dict[str, str]] = {}
        for (part, hole), value in zip(holes, values, strict=True):
            filled.setdefault(part, {})[hole] = value
        params = {
            "name": chosen.name,
            "language": chosen.language,
            "processed_params": filled,
            "shown": chosen.filled(filled.get("body", {})),
        }
        return replace(acts, templates=[*acts.templates, (key, params)]), f"`{chosen.name}` is on its way."

    async def _retry(self, opened: OpenTurn, key: str) -> str:
        """What is sent again is decided once: after a crash the rest of it is, and the answer stays true."""
        plan = await self._mailbox.decided(opened.address, key)
        if not plan:
            decided = _encoder.encode(await self._what_failed(opened)).decode()
            plan = await self._mailbox.decide(opened.address, key, decided)
        again = _again.decode(plan)
        for row_id in again.rows:
            await self._outbox.rearm(row_id)
        return again.answer

    async def _what_failed(self, opened: OpenTurn) -> Again:
        view = await self._conversations.view(conversation_id=opened.conversation_id)
        rows = [row for row in (view.outbox if view else []) if row.channel is Channel.WHATSAPP]
        failed = [row for row in rows if row.state in (State.FAILED, State.DEAD)][-MOST_RETRIES:]
        if not failed:
            return Again(rows=[], answer="Nothing failed here.")
        closed = opened.window_expires_at is None or opened.window_expires_at.timestamp() <= time.time()
        if closed and any(row.kind != "template" for row in failed):
            failed = [row for row in failed if row.kind == "template"]
            if not failed:
                listed = templates_text(await self._templates.all())
                closed_text = "The 24-hour window is still closed; only a template can be sent."
                return Again(rows=[], answer=f"{closed_text}\n\n{listed}")
        answer = f"{len(failed)} of the messages that failed are sent again."
        return Again(rows=[row.id for row in failed], answer=answer)


def _chosen(found: list[Template], words: list[str], fields: str) -> tuple[Template | None, list[str]]:
    """The template in the language named, or the only one; and the values of its fields."""
    by_language = {each.language: each for each in found}
    if words and words[0] in by_language:
        chosen, words = by_language[words[0]], words[1:]
    elif len(found) == 1:
        chosen = found[0]
    else:
        return None, []
    given = " ".join([*words, fields]).strip()
    return chosen, [value.strip() for value in given.split("|")] if given else []


def _bot(note: RecruiterNoted, acts: Acts, spoke_at: float) -> tuple[Acts, str]:
    if spoke_at > note.at:
        return acts, LATE
    return replace(acts, owner=OwnerChange(owner=Owner.ASSISTANT, reason="command_bot")), "The assistant goes on."


def _forget(opened: OpenTurn, rest: list[str], acts: Acts) -> tuple[Acts, str]:
    code = opened.candidate_id[:6]
    if rest[:1] != [code]:
        text = "This erases the person from the record, the assistant's memory and Chatwoot. It cannot be undone. "
        return acts, f"{text}{FORGOTTEN_NOT}\n\nTo go on, write `/forget {code}`."
    return replace(acts, erase=True), ""


def _shown(opened: OpenTurn) -> list[str]:
    facts = [
        Fact(field=f.field, value=f.value, quote=f.quote, message_id=f.message_id, confirmed=f.confirmed)
        for f in opened.facts
    ]
    listed = items(facts, [field.value for field in Field], DESK_LANGUAGE, phrases(DESK_LANGUAGE).labels)
    return [f"- {label}: {to_chatwoot(value)}" for label, value in listed]


def _told(opened: OpenTurn, command: str) -> str:
    """Commands that only show what the turn has at hand."""
    match command:
        case "/summary":
            return summary(opened)
        case "/profile":
            return profile(opened)
        case "/help":
            return HELP
    return f"There is no such command.\n\n{HELP}"


def summary(opened: OpenTurn) -> str:
    """Owner, language, window, profile, last words."""
    window = opened.window_expires_at
    until = f"{window:%d %b %H:%M} UTC" if window else "closed"
    asked = (opened.intake.get("asked") or {}).get("field", "none")
    last = [line for line in opened.transcript if line.author == "candidate" and line.text][-3:]
    return "\n".join(
        [
            f"**Who speaks**: {opened.owner} since {opened.owner_since:%d %b %H:%M} UTC "
            f"({opened.owner_reason or 'start'})",
            f"**Language**: {opened.language or 'unknown'} · **reply window until**: {until}",
            f"**Open question**: {asked}",
            *(_shown(opened) or ["No details in the profile."]),
            *(f"> {to_chatwoot(' '.join(line.text.split())[:200])}" for line in last),
        ]
    )


def profile(opened: OpenTurn) -> str:
    """Each fact with the words it rests on."""
    if not opened.facts:
        return "No details in the profile."
    quotes = [
        f"- {fact.field}: “{to_chatwoot(' '.join(fact.quote.split())[:200])}” ({fact.source}"
        f"{', confirmed' if fact.confirmed else ''})"
        for fact in opened.facts
    ]
    return "\n".join([*_shown(opened), "", "In the candidate's words:", *quotes])


def why(view: ConversationView) -> str:
    """The last turn in which the assistant thought: its role, rules, models, facts."""
    thought = [turn for turn in view.turns if turn.decision.get("policy_version")]
    if not thought:
        return "The assistant has decided nothing here yet."
    turn = thought[-1]
    said = turn.decision
    intents = ", ".join((said.get("router") or {}).get("intents", [])) or "nothing special"
    model = said.get("model") or "fixed sentences, no language model"
    recent = [fact.field for fact in view.facts]
    return "\n".join(
        [
            f"**Turn {turn.turn_no}**, {turn.at:%d %b %H:%M} UTC",
            "Role of the AI: it reads answers, asks the next question of the fixed intake and hands over to people. "
            "It does not score, rank or reject; `/match` compares by a vacancy's written rules, for people to decide.",
            f"Noticed: {intents}",
            f"Rules: policy {said.get('policy_version')}; wording {said.get('prompt_version') or 'guided'}; by {model}",
            f"Facts it rests on (each with a quote, `/profile`): {', '.join(recent) or 'none'}",
            f"Facts not taken for lack of proof: {said.get('rejected_facts', 0)}",
        ]
    )
