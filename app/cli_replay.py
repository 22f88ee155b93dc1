"""`python -m app replay`: a past conversation once more, with other prompts or models, and what would differ."""

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace as with_changes
from pathlib import Path
from uuid import UUID

import msgspec
import orjson
import typer
from redis.exceptions import RedisError

from app.agents.checkpointer import open_checkpointer
from app.agents.graph import build_graph
from app.agents.models.budget import ProcessSpending
from app.agents.models.prompts import FOLDER, PromptError
from app.agents.models.providers import Vendors
from app.agents.models.tier import Plan
from app.agents.state import TurnInput
from app.database.errors import RecordError
from app.database.record import open_record
from app.operations.replay import Answer, Replay
from app.operations.replay import replay as think_again
from app.settings import Settings, SettingsError, load_settings
from app.settings_values import text_of
from app.wiring_minds import agents_of, embedder_of, plan_of, vendors_of


class ReplayError(Exception):
    """Says what to change in the command or the environment."""


def replay(conversation: str, *, prompt_dir: Path | None, model: str, as_json: bool) -> None:
    """The command's work; `app.cli` declares its arguments."""
    try:
        done = asyncio.run(_replay(load_settings(partial=True), conversation, prompt_dir or FOLDER, model))
    except (ReplayError, SettingsError, PromptError, RecordError) as error:
        typer.echo(f"replay: {error}", err=True)
        raise typer.Exit(1) from None
    sys.stdout.write(orjson.dumps(_builtins(done)).decode() if as_json else _text(done))
    sys.stdout.write("\n")


async def _replay(settings: Settings, conversation: str, prompts: Path, model: str) -> Replay:
    missing = [name for name in ("SUPABASE_URL", "SUPABASE_KEY") if getattr(settings, name.lower()) is None]
    if missing:
        raise ReplayError(f"not set: {', '.join(missing)}")
    async with AsyncExitStack() as stack:
        record = await stack.enter_async_context(
            open_record(settings.supabase_url or "", text_of(settings.supabase_key or ""), pool_size=1)
        )
        by_id = {"conversation_id": conversation} if _is_uuid(conversation) else {"address": conversation}
        view = await record.conversations.view(**by_id)
        if view is None:
            raise ReplayError("there is no such conversation; give its id or its address (wa:<number>:<hash>)")
        vendors = vendors_of(settings)
        stack.push_async_callback(vendors.aclose)
        plan, vendors = _with_model(plan_of(settings), vendors, model)
        spending = ProcessSpending()
        embedder = await stack.enter_async_context(embedder_of(settings, vendors, spending))
        context = agents_of(settings, vendors, spending, embedder, plan=plan, prompts=prompts)
        unfinished = await _unfinished(settings, view.conversation_id)
        code = str(view.intake.get("vacancy") or "")
        vacancy = await record.vacancies.find(code) if code else None
        return await think_again(view, build_graph(), context, unfinished=unfinished, vacancy=vacancy)


def _with_model(plan: Plan, vendors: Vendors, model: str) -> tuple[Plan, Vendors]:
    if not model:
        return plan, vendors
    if model.startswith("claude"):
        if vendors.claude is None:
            raise ReplayError(f"{model} needs ANTHROPIC_API_KEY")
        names = ("router", "extraction", "conversation", "crm")
        return with_changes(plan, **{name: with_changes(getattr(plan, name), model=model) for name in names}), vendors
    if vendors.gpt is None:
        raise ReplayError(f"{model} needs OPENAI_API_KEY")
    return with_changes(plan, fallback_model=model), with_changes(vendors, claude=None)


async def _unfinished(settings: Settings, conversation_id: str) -> TurnInput | None:
    """The input of a turn that began and was never committed, where its checkpoint still lies in Redis."""
    if settings.redis_url is None:
        return None
    try:
        async with open_checkpointer(text_of(settings.redis_url), settings.state_key) as saver:
            found = await saver.aget_tuple({"configurable": {"thread_id": conversation_id, "checkpoint_ns": ""}})
    except (RedisError, OSError) as error:
        raise ReplayError(f"Redis does not answer ({type(error).__name__}); without REDIS_URL replay does") from None
    values = found.checkpoint["channel_values"] if found else {}
    if not values.get("conversation") or not values.get("inbound"):
        return None
    return TurnInput(
        turn_id=values["turn_id"],
        attempt=values["attempt"],
        now=values["now"],
        conversation=values["conversation"],
        inbound=values["inbound"],
        notes=values["notes"],
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _builtins(done: Replay) -> dict[str, object]:
    return {**msgspec.to_builtins(done), "differing": done.differing}


def _text(done: Replay) -> str:
    lines = []
    for turn in done.turns:
        lines.append(f"turn {turn.turn_no}: {', '.join(turn.changed) + ' changed' if turn.changed else 'the same'}")
        lines += [f"  candidate  {_one_line(words)}" for words in turn.said]
        if turn.recorded is None:
            lines += _shown("now", turn.replayed)
        elif turn.changed:
            lines += [*_shown("then", turn.recorded), *_shown("now", turn.replayed)]
    then = sum(turn.recorded.cost_usd for turn in done.turns if turn.recorded)
    now = sum(turn.replayed.cost_usd for turn in done.turns)
    lines.append(f"{done.differing} of {len(done.turns)} turns differ; cost then ${then:.4f}, now ${now:.4f}")
    return "\n".join(lines)


def _shown(when: str, answer: Answer) -> list[str]:
    facts = ", ".join(f"{name}={orjson.dumps(value).decode()}" for name, value in answer.facts.items()) or "none"
    thought = f"{answer.model or answer.tier or 'nobody'}, {answer.language or '?'}, ${answer.cost_usd:.4f}"
    said = [f"  {when:9}  {_one_line(text)}" for text in answer.replies] or [f"  {when:9}  (says nothing)"]
    return [*said, f"             facts: {facts}; intents: {', '.join(answer.intents) or 'none'}; by {thought}"]


def _one_line(text: str) -> str:
    return " / ".join(part for part in text.splitlines() if part.strip())
