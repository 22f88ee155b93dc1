"""Prompts are files with a stable part and a turn's part; what is wrong with one is said by name."""

from pathlib import Path

import pytest

from app.agents.models.prompts import FOLDER, PromptError, load_prompt
from tests.fixtures.models import Llm, text, turn

NAMES = ("router", "extraction", "conversation", "crm")
FACTS = {"company": "Havenwerk"}


def write(folder: Path, body: str) -> None:
    (folder / "router.md").write_text(body, encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_stable_part_holds_no_clock_and_no_placeholder(name: str) -> None:
    prompt = load_prompt(name, FACTS)
    assert "$" not in prompt.instructions
    assert "Havenwerk" in prompt.instructions or name == "extraction"
    assert prompt.version.startswith(f"{name}-")


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_says_that_messages_are_data(name: str) -> None:
    assert "instruction" in load_prompt(name, FACTS).instructions
    assert "data" in load_prompt(name, FACTS).instructions or "evidence" in load_prompt(name, FACTS).instructions


def test_another_wording_is_another_version(tmp_path: Path) -> None:
    write(tmp_path, "You route.\n=====\n$now")
    first = load_prompt("router", {}, tmp_path).version
    write(tmp_path, "You route well.\n=====\n$now")
    assert load_prompt("router", {}, tmp_path).version != first


@pytest.mark.parametrize(
    ("body", "said"), [("no break", "====="), ("Of $planet\n=====\n$now", "planet"), (None, "router.md")]
)
def test_a_faulty_prompt_is_named(tmp_path: Path, body: str | None, said: str) -> None:
    if body is not None:
        write(tmp_path, body)
    with pytest.raises(PromptError, match=said):
        load_prompt("router", {}, tmp_path)


async def test_a_context_can_think_with_other_prompts(llm: Llm, tmp_path: Path) -> None:
    for path in FOLDER.glob("*.md"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    write(tmp_path, "A wholly different router.\n=====\n$now $situation $data")
    routing = await llm.context(prompts=tmp_path).router.route(turn(text("so what do you do all day long")))
    assert "wholly different" in str(llm.twin.asked()[0].body["system"])
    assert routing["decision"]["prompt_version"] != load_prompt("router", FACTS).version
