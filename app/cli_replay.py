"""`python -m app replay`: a past conversation once more, with other prompts or models, and what would differ."""

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from uuid import UUID

import msgspec
import orjson
import typer
from redis.exceptions import RedisError

from app.agents.checkpointer import open_checkpointer
from app.agents.graph import build_graph
from app.agents.models.budget import Budget, Limits, ProcessSpending
from app.agents.models.prompts import FOLDER, PromptError
from app.agents.models.providers import Vendors
from app.agents.models.tier import Plan
from app.agents.state import TurnInput
from app.database.errors import RecordError
from app.database.record import open_record
from app.operations.replay import Answer, Checkpoint, Replay, ReplayedTurn
from app.operations.replay import replay as think_again
from app.settings import Settings, SettingsError, load_settings
from app.settings_values import text_of
from app.telemetry.logs import setup_logging
from app.wiring_minds import agents_of, embedder_of, plan_of, vendors_of


class ReplayError(Exception):
    """Says what to change in the command or the environment."""


@dataclass(frozen=True)
class Wanted:
    """What to change: prompts, one model for all agents, or Claude models by agent; and the most to spend on it."""

    prompts: Path | None
    model: str
    models: dict[str, str]
    max_usd: float


def replay(conversation: str, wanted: Wanted, *, as_json: bool) -> None:
    """The command's work; `app.cli` declares its arguments."""
    setup_logging(level="WARNING", stream=sys.stderr.buffer)  # stdout is the answer
    try:
        done = asyncio.run(_replay(load_settings(partial=True), conversation, wanted))
    except (ReplayError, SettingsError, PromptError, RecordError) as error:
        typer.echo(f"replay: {error}", err=True)
        raise typer.Exit(1) from None
    sys.stdout.write(orjson.dumps(_builtins(done)).decode() if as_json else _text(done))
    sys.stdout.write("\n")


async def _replay(settings: Settings, conversation: str, wanted: Wanted) -> Replay:
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
        plan, vendors = _with_models(plan_of(settings), vendors, wanted)
        # Counted here alone: a replay neither spends what the service may, nor stops where the service did.
        spending = ProcessSpending()
        embedder = await stack.enter_async_context(embedder_of(settings, vendors, Budget(spending, plan.limits)))
        context = agents_of(settings, vendors, spending, embedder, plan=plan, prompts=wanted.prompts or FOLDER)
        checkpoint = await _checkpoint(settings, view.conversation_id)
        code = str(view.intake.get("vacancy") or "")
        vacancy = await record.vacancies.find(code) if code else None
        return await think_again(view, build_graph(), context, checkpoint=checkpoint, vacancy=vacancy)


def _with_models(plan: Plan, vendors: Vendors, wanted: Wanted) -> tuple[Plan, Vendors]:
    plan = with_changes(plan, limits=Limits(candidate_daily_usd=wanted.max_usd, service_hourly_usd=wanted.max_usd))
    if wanted.model and not wanted.model.startswith("claude"):
        if wanted.models:
            raise ReplayError(f"{wanted.model} is for all agents: leave out the models by agent")
        if vendors.gpt is None:
            raise ReplayError(f"{wanted.model} needs OPENAI_API_KEY")
        return with_changes(plan, fallback_model=wanted.model), with_changes(vendors, claude=None)
    names = ("router", "extraction", "conversation", "crm")
    models = (dict.fromkeys(names, wanted.model) if wanted.model else {}) | wanted.models
    for name, model in models.items():
        if not model.startswith("claude"):
            raise ReplayError(f"{model} is no Claude model; --model takes a GPT model, for all agents")
        if vendors.claude is None:
            raise ReplayError(f"{model} needs ANTHROPIC_API_KEY")
        plan = with_changes(plan, **{name: with_changes(getattr(plan, name), model=model)})
    return plan, vendors


async def _checkpoint(settings: Settings, conversation_id: str) -> Checkpoint | None:
    """The last one of the conversation, where it still lies in Redis. Reads only."""
    if settings.redis_url is None:
        return None
    try:
        async with open_checkpointer(text_of(settings.redis_url), settings.state_key) as saver:
            found = await saver.aget_tuple({"configurable": {"thread_id": conversation_id, "checkpoint_ns": ""}})
    except (RedisError, OSError) as error:
        raise ReplayError(f"Redis does not answer ({type(error).__name__}); without REDIS_URL replay does") from None
    values = found.checkpoint["channel_values"] if found else {}
    if "turn_id" not in values:
        return None
    unfinished = None
    if values.get("conversation") and values.get("inbound"):
        unfinished = TurnInput(
            turn_id=values["turn_id"],
            attempt=values["attempt"],
            now=values["now"],
            conversation=values["conversation"],
            inbound=values["inbound"],
            notes=values["notes"],
        )
    return Checkpoint(
        turn_id=values["turn_id"],
        now=values["now"],
        answered=[] if unfinished else list(values.get("answered") or []),
        unfinished=unfinished,
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
    lines = [line for turn in done.turns for line in _turn_text(turn)]
    then = sum(turn.recorded.cost_usd for turn in done.turns if turn.recorded)
    now = sum(turn.replayed.cost_usd for turn in done.turns)
    if done.over_budget:
        lines.append("the replay's budget was spent: the guided tier answered in the end; give more with --max-usd")
    lines.append(f"{done.differing} of {len(done.turns)} turns differ; cost then ${then:.4f}, now ${now:.4f}")
    return "\n".join(lines)


def _turn_text(turn: ReplayedTurn) -> list[str]:
    change = f"{', '.join(turn.changed)} changed" if turn.changed else "the same"
    then = f"${turn.recorded.cost_usd:.4f}" if turn.recorded else "nothing"
    lines = [f"turn {turn.turn_no}: {change}; cost then {then}, now ${turn.replayed.cost_usd:.4f}"]
    lines += [f"  candidate  {_one_line(words)}" for words in turn.said]
    if turn.recorded is not None and not turn.changed:
        return lines
    return [*lines, *(_shown("then", turn.recorded) if turn.recorded else []), *_shown("now", turn.replayed)]


def _shown(when: str, answer: Answer) -> list[str]:
    facts = ", ".join(f"{name}={orjson.dumps(value).decode()}" for name, value in answer.facts.items()) or "none"
    where = f"stage {answer.stage}, " if answer.stage else ""
    thought = f"{where}{answer.model or answer.tier or 'nobody'}, {answer.language or '?'}"
    said = [f"  {when:9}  {_one_line(text)}" for text in answer.replies] or [f"  {when:9}  (says nothing)"]
    return [*said, f"             facts: {facts}; intents: {', '.join(answer.intents) or 'none'}; by {thought}"]


def _one_line(text: str) -> str:
    return " / ".join(part for part in text.splitlines() if part.strip())
