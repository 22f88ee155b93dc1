"""A past conversation is thought again with other prompts and models; the differences show and nothing moves."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from app.agents.models.prompts import FOLDER
from app.local.llm_script import Answer, Asked
from app.local.postgres import PostgresServer
from tests.fixtures.models import Llm, Scripted
from tests.fixtures.stack import Json, Stack, running_stack
from tests.models.test_turns import reading, worded
from tests.understanding.test_embeddings import agreed


@pytest.fixture
async def thinking_desk(
    llm: Llm, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A service whose keys lead to the twin."""
    keys = {
        "ANTHROPIC_API_KEY": "k-a",
        "ANTHROPIC_BASE_URL": llm.url,
        "OPENAI_API_KEY": "k-o",
        "OPENAI_BASE_URL": f"{llm.url}/v1",
    }
    async with running_stack(postgres, tmp_path_factory.mktemp("replayed"), more=keys) as stack:
        await stack.serve()
        yield stack


async def command(stack: Stack, *arguments: str) -> tuple[int, str, str]:
    """`python -m app replay …` with the stack's variables."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "replay", *arguments,
        env={**os.environ, **stack.environ}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def replayed(stack: Stack, *arguments: str) -> Json:
    code, out, err = await command(stack, *arguments, "--json")
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

    code, text, _ = await command(thinking_desk, before.address)
    assert code == 0
    assert "0 of 4 turns differ" in text

    after = await phone.view()
    for part in ("turn_no", "facts", "consents", "intake", "transcript", "turns"):
        assert getattr(after, part) == getattr(before, part), part
    assert [row.id for row in after.outbox] == [row.id for row in before.outbox]
    assert (await phone.screen())["messages"] == screen["messages"]


async def test_replay_says_which_conversation_it_does_not_know(thinking_desk: Stack) -> None:
    code, _, err = await command(thinking_desk, "wa:1:nobody")
    assert code == 1
    assert "no such conversation" in err
