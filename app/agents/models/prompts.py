"""Prompts are files: what never changes first, so that vendors can cache it, then what is filled in each turn.

A file `<agent>.md` has two parts, separated by a line of `=====`: instructions, in which only facts of the deployment
are filled in (`$company`), and the message of a turn (`$now`, `$data`, …). Versions are hashes of the file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parents[1] / "prompts"
_BREAK = "\n=====\n"


class PromptError(Exception):
    """A prompt file is missing or misses a part; the text says which."""


@dataclass(frozen=True)
class Prompt:
    """`instructions` are the same for every turn of a deployment; `version` names the wording of the whole file."""

    name: str
    version: str
    instructions: str
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
    return Prompt(name=name, version=f"{name}-{digest}", instructions=instructions, _turn=Template(turn.strip()))
