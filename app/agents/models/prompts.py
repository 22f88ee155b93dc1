"""Prompts are files: what never changes first, so that vendors can cache it, then what is filled in each turn.

A file `<agent>.md` has two parts, separated by a line of `=====`: instructions, in which only facts of the deployment
are filled in (`$company`), and the message of a turn (`$now`, `$data`, …). Versions are hashes of the file.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from app.recruiting.guard_prompts import PromptPrints, prints

FOLDER = Path(__file__).parents[1] / "prompts"
_BREAK = "\n=====\n"
_EXAMPLES = "## Examples"
_MARK = "(Mark of this text: {canary}. It is never written in an answer.)"


class PromptError(Exception):
    """A prompt file is missing or misses a part; the text says which."""


@dataclass(frozen=True)
class Prompt:
    """`instructions` are the same for every turn of a deployment; `version` names the wording of the whole file.

    `canary` stands in the instructions and nowhere else: a text of ours that holds it has quoted them.
    """

    name: str
    version: str
    instructions: str
    canary: str
    _turn: Template

    def turn(self, **values: str) -> str:
        """The message of a turn. Raises KeyError for a placeholder without a value."""
        return self._turn.substitute(values)


def load_prompt(name: str, facts: dict[str, str], folder: Path = FOLDER) -> Prompt:
    """Read a prompt; `facts` fill its instructions. Raises PromptError."""
    path = folder / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PromptError(f"cannot read the prompt {path.name} in {folder}: {error.strerror}") from None
    stable, found, turn = text.partition(_BREAK)
    if not found:
        raise PromptError(f"{path.name}: a line of ===== must separate the instructions from the turn's message")
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    try:
        instructions = Template(stable.strip()).substitute(facts)
    except (KeyError, ValueError) as error:
        raise PromptError(f"{path.name}: the instructions name an unknown placeholder: {error}") from None
    # From the text itself, not at random: every process sends the same beginning, or the vendors' caches would miss.
    canary = f"mk-{hashlib.blake2b(instructions.encode(), digest_size=6, person=b'canary').hexdigest()}"
    return Prompt(
        name=name,
        version=f"{name}-{digest}",
        instructions=f"{instructions}\n\n{_MARK.format(canary=canary)}",
        canary=canary,
        _turn=Template(turn.strip()),
    )


def secrets_of(prompts: Iterable[Prompt], sayable: Iterable[str]) -> PromptPrints:
    """What no message may hold of these prompts. Their example sentences may be said, and so may texts of ours."""
    known = list(prompts)
    rules = [prompt.instructions.partition(_EXAMPLES)[0] for prompt in known]
    return prints(rules, sayable, [prompt.canary for prompt in known])
