"""What recruiters' acts, other than words to the candidate, ask of a turn."""

from dataclasses import dataclass, field
from typing import Any

from app.database.conversations import OwnerChange
from app.engine.interview_acts import NO_INTERVIEWS, InterviewActs


@dataclass(frozen=True)
class Acts:
    """`answers` and `templates` come with the key of the act, so that one done twice is written once.

    A template is Chatwoot's `template_params`, with `shown`: what the candidate reads.
    `returned` is the line that tells the candidate that the assistant goes on; `erase`: forget the person.
    """

    answers: list[tuple[str, str]] = field(default_factory=list)  # private notes, Markdown
    templates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    owner: OwnerChange | None = None
    paused_at: float = 0.0  # Unix seconds by Chatwoot: when a pause was asked for
    returned: str = ""
    erase: bool = False
    return_label: str = ""  # gives a conversation back, and is then taken off
    interviews: InterviewActs = NO_INTERVIEWS
    handoff_label: str = ""  # of what the assistant hands over
    team_id: int = 0  # who answers what the assistant hands over; 0 = nobody in particular


NO_ACTS = Acts()
