"""A past conversation is thought again with other prompts and models; the differences show and nothing moves."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from app.agents.graph import build_graph
from app.agents.models.budget import DAY
from app.agents.models.prompts import FOLDER
from app.database.conversations import Owner
from app.local.llm_script import Answer, Asked
from app.local.postgres import PostgresServer
from app.operations.replay import Checkpoint
from app.operations.replay import replay as think_again
from tests.chatwoot.test_ownership import command, until_owned
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.models import CONVERSATION, EXTRACTION, Llm, Scripted, text, turn
from tests.fixtures.stack import Json, Stack, running_stack, until_true
from tests.models.test_turns import HEADS, reading, worded
from tests.understanding.test_embeddings import agreed


@pytest.fixture(scope="module")
async def thinking_desk(
    llm_of_the_session: Llm, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A service whose keys lead to the twin."""
    llm = llm_of_the_session
    keys = {
        "ANTHROPIC_API_KEY": "k-a",
        "ANTHROPIC_BASE_URL": llm.url,
        "OPENAI_API_KEY": "k-o",
        "OPENAI_BASE_URL": f"{llm.url}/v1",
    }
    async with running_stack(postgres, tmp_path_factory.mktemp("replayed"), more=keys) as stack:
        await stack.serve()
        yield stack


async def run_replay(stack: Stack, *arguments: str) -> tuple[int, str, str]:
    """`python -m app replay …` with the stack's variables."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "replay", *arguments,
        env={**os.environ, **stack.environ}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def replayed(stack: Stack, *arguments: str) -> Json:
    code, out, err = await run_replay(stack, *arguments, "--json")
    assert code == 0, err
    value: Json = orjson.loads(out)
    return value


async def test_replay_shows_what_other_prompts_and_models_change_and_leaves_everything_as_it_was(
    llm: Llm, thinking_desk: Stack, tmp_path: Path
) -> None:
    llm.script.answers |= {"extraction": reading, "conversation": worded}
    phone = await agreed(thinking_desk)
    await phone.exchange("on the passport it says Ola Brandt, but who reads that")
    before = await phone.view()
    screen = await phone.screen()

    same = await replayed(thinking_desk, before.address)
    assert same["differing"] == 0, same
    assert [turn["turn_no"] for turn in same["turns"]] == [1, 2, 3, 4]

    prompts = tmp_path / "prompts"
    shutil.copytree(FOLDER, prompts)
    (prompts / "extraction.md").write_text((prompts / "extraction.md").read_text() + "\nSHOUT\n")

    def shouting(asked: Asked) -> Answer:
        return Scripted()(asked) if "SHOUT" in orjson.dumps(asked.body).decode() else reading(asked)

    llm.script.answers["extraction"] = shouting
    other = await replayed(thinking_desk, before.conversation_id, "--prompt-dir", str(prompts))
    assert other["differing"] == 1
    last = other["turns"][-1]
    assert "facts" in last["changed"]
    assert last["recorded"]["facts"] == {"name": {"display": "Ola Brandt"}}
    assert last["replayed"]["facts"] == {}
    assert last["replayed"]["cost_usd"] > 0

    llm.script.answers["extraction"] = reading
    gpt = (await replayed(thinking_desk, before.address, "--model", "gpt-5.4-mini"))["turns"][-1]
    assert gpt["changed"] == ["tier", "model"]
    assert gpt["replayed"]["model"] == "gpt-5.4-mini"

    code, text, _ = await run_replay(thinking_desk, before.address)
    assert code == 0
    assert "0 of 4 turns differ" in text

    after = await phone.view()
    for part in ("turn_no", "facts", "consents", "intake", "transcript", "turns"):
        assert getattr(after, part) == getattr(before, part), part
    assert [row.id for row in after.outbox] == [row.id for row in before.outbox]
    assert (await phone.screen())["messages"] == screen["messages"]


async def state_of(stack: Stack) -> dict[bytes, bytes | None]:
    """Every key in Redis with its value, without those that the running service moves by itself."""
    async with Redis.from_url(stack.redis.url) as redis:
        keys = [key async for key in redis.scan_iter() if key.startswith((b"spend:", b"checkpoint", b"desk:conv"))]
        return {key: await redis.dump(key) for key in keys}


async def test_a_replay_knows_what_was_taken_back_edited_and_said_by_a_recruiter(
    llm: Llm, thinking_desk: Stack
) -> None:
    llm.script.answers |= {"extraction": reading, "conversation": worded}
    await thinking_desk.whatsapp_http.patch("/_twin/settings", json={"coexistence": True})
    phone = await agreed(thinking_desk)
    await phone.exchange("on the passport it says Ola Brandt, but who reads that")
    turns = (await phone.view()).turn_no
    await phone.say(type="edit", text="on the passport it says Ola Brandt")

    async def heard() -> bool:
        return (await phone.view()).turn_no > turns

    await until_true(heard, what="the edit to be heard")
    town = await phone.exchange("our boat is moored in Hoorn for good")
    assert town["text"]
    await phone.say(type="revoke")

    async def forgotten() -> bool:
        return all(fact.field != "city" for fact in (await phone.view()).facts)

    await until_true(forgotten, what="the town to be forgotten with its message")
    conversation = (await in_chatwoot(thinking_desk, phone)).chatwoot.conversation_id
    await thinking_desk.recruiter(conversation, content="We meet on Tuesday at nine")
    await until_owned(phone, Owner.HUMAN)
    await command(thinking_desk, conversation, "/bot")
    await until_owned(phone, Owner.ASSISTANT)
    answered = len(await phone.replies())
    await phone.say("our boat is moored in Hoorn for good, as I told that other person")
    await phone.until_said(answered + 1)
    view = await phone.view()
    llm.twin.requests.clear()
    same = await replayed(thinking_desk, view.address)
    assert same["differing"] == 0, same
    told = [str(seen.body["messages"]) for seen in llm.twin.asked(model=CONVERSATION)]
    assert any("Tuesday at nine" in asked.partition("<recruiter>")[2] for asked in told)
    assert [turn["replayed"]["stage"] for turn in same["turns"]][-1] == "profile"
    assert all(turn["recorded"]["stage"] == turn["replayed"]["stage"] for turn in same["turns"])


async def test_a_replay_has_a_budget_and_models_of_its_own(llm: Llm, thinking_desk: Stack) -> None:
    llm.script.answers |= {"extraction": reading, "conversation": worded}
    phone = await agreed(thinking_desk)
    await phone.exchange("on the passport it says Ola Brandt, but who reads that")
    candidate, now = (await phone.view()).candidate_id, int(time.time())
    async with Redis.from_url(thinking_desk.redis.url) as redis:
        for day in (0, 1):
            await redis.set(f"spend:day:{now // DAY + day}:{{{candidate}}}", 10**9)
    before, view = await state_of(thinking_desk), await phone.view()

    own = await replayed(thinking_desk, view.address, "--extraction-model", "claude-sonnet-5-5")
    assert not own["over_budget"], "what the service has spent does not count here"
    last = own["turns"][-1]
    assert last["replayed"]["facts"] == {"name": {"display": "Ola Brandt"}}
    models = {seen.body["model"] for seen in llm.twin.asked() if HEADS["extraction"] in str(seen.body["system"])}
    assert models == {EXTRACTION, CONVERSATION}

    short = await replayed(thinking_desk, view.address, "--max-usd", "0.000001")
    assert short["over_budget"]

    code, _, err = await run_replay(thinking_desk, view.address, "--router-model", "gpt-5.4-mini")
    assert code == 1
    assert "no Claude model" in err

    begun = turn(text("our boat is moored in Hoorn for good"))
    checkpoint = Checkpoint(turn_id=begun["turn_id"], now=begun["now"], unfinished=begun)
    done = await think_again(view, build_graph(), llm.context(), checkpoint=checkpoint)
    assert done.turns[-1].recorded is None
    assert done.turns[-1].replayed.facts == {"city": {"city": "Hoorn"}}

    assert await state_of(thinking_desk) == before
    after = await phone.view()
    assert [row.id for row in after.outbox] == [row.id for row in view.outbox]
    for part in ("turn_no", "facts", "intake", "transcript", "turns"):
        assert getattr(after, part) == getattr(view, part), part


async def test_replay_says_which_conversation_it_does_not_know(thinking_desk: Stack) -> None:
    code, _, err = await run_replay(thinking_desk, "wa:1:nobody")
    assert code == 1
    assert "no such conversation" in err
