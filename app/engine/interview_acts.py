"""What a turn says and writes about interviews."""

from dataclasses import dataclass, field
from typing import Any

from app.recruiting.messages import Reply


@dataclass(frozen=True)
class Spoken:
    """A message to the candidate; its row belongs to `key`. `author`: human (a recruiter's order) or system (what
    follows from the candidate's own choice): neither is the assistant, whose word ends where a person's begins.

    `kind` interview: a complete answer, after which the candidate waits for nobody; text: a person goes on.
    """

    key: str
    reply: Reply
    author: str
    kind: str = "interview"


@dataclass(frozen=True)
class InterviewActs:
    """`answered` are ids of messages that nobody else needs to answer; `writes` as `TurnCommit.interviews`.

    `files` and `notes` come with the key of their act; `shown` is the attribute in Chatwoot, None = as it is;
    `to_person`: somebody has to go on.
    """

    answered: frozenset[str] = frozenset()
    writes: list[dict[str, Any]] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)
    files: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    shown: str | None = None
    to_person: bool = False


NO_INTERVIEWS = InterviewActs()


def joined(first: InterviewActs, then: InterviewActs) -> InterviewActs:
    """Both, in this order."""
    return InterviewActs(
        answered=first.answered | then.answered,
        writes=[*first.writes, *then.writes],
        spoken=[*first.spoken, *then.spoken],
        files=[*first.files, *then.files],
        notes=[*first.notes, *then.notes],
        shown=first.shown if then.shown is None else then.shown,
        to_person=first.to_person or then.to_person,
    )
