"""What the intake remembers between turns and what one turn decides; both are plain JSON at rest."""

import msgspec

from app.recruiting.consent import Consent, Standing
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.profile import Fact
from app.recruiting.said import Said
from app.recruiting.vacancy import Vacancy

OTHER_WORK = "other_work"  # told: this vacancy is not what they came for


class Asked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The open question. `attempts` counts answers we could not read, `probed` that a vague one was asked about."""

    field: str
    attempts: int = 0
    probed: bool = False


class Intake(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The policy's memory (`conversations.intake`).

    Stages: new, open, consent, declined, profile, review, change, done.
    """

    version: int = 1
    stage: str = "new"
    asked: Asked | None = None
    skipped: list[str] = []
    told: list[str] = []  # polite remarks that are made once
    changing: str = ""  # field that the candidate corrects after the read-back
    handed_over: str = ""  # reason of the last handoff, until the assistant speaks again
    injections: int = 0  # messages that tried to instruct the assistant
    off_topic: int = 0  # messages about something else, since the last answer
    checking: bool = False  # the last message listed what is known and offered to confirm or change it
    withdrawn: list[str] = []  # ids of messages that the candidate deleted or edited, the newest ones
    edits: dict[str, str] = {}  # ids of the newest edits, with those of the messages they replaced
    last_at: float = 0.0  # Unix seconds of the last turn
    must_haves: list[str] = []  # questions put for must-haves, "CODE question" each, in order
    vacancy: str = ""  # code of the vacancy the candidate comes for; empty = none named, and none guessed


def applied_for(vacancy: Vacancy | None, intake: Intake) -> Vacancy | None:
    """The vacancy that answers which work is wanted: an open one, unless they said that they did not come for it."""
    if vacancy is None or not vacancy.is_open or f"{OTHER_WORK}:{vacancy.code}" in intake.told:
        return None
    return vacancy


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sentence by its phrase key. `fields` are read back from the profile where the phrase says `{items}`."""

    key: str
    params: dict[str, str] = {}
    fields: list[str] = []


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one question of a turn; `choices` names a set of buttons or rows (phrases)."""

    line: Line
    choices: str = ""


class Handoff(msgspec.Struct, frozen=True, kw_only=True):
    """A person takes over. `text` tells the recruiter why; what the candidate hears is in the replies."""

    reason: str
    urgency: str  # now | same_day | queue | review
    text: str


class Situation(msgspec.Struct, kw_only=True):
    """Everything the policy may look at. `found` passed the evidence check; `unread` are kinds we cannot read yet."""

    turn_id: str
    now: float
    language: str
    intake: Intake
    facts: list[Fact] = []
    consents: list[Standing] = []
    owner: str = "assistant"
    opted_out: bool = False
    said: list[Said] = []
    unread: list[str] = []
    revoked: list[str] = []  # ids of messages the candidate took back or edited
    deleted: set[str] = set()  # those of them that were deleted
    edits: dict[str, str] = {}  # this turn's edits with the messages that they replace
    kept_on: dict[str, str] = {}  # days on which the current facts were kept, by their ids
    noticed: list[Noticed] = []
    found: list[Fact] = []
    vague: list[str] = []
    vacancy: Vacancy | None = None  # the one the candidate comes for, open or closed
    pitch: Line | None = None  # what is said once of it
    consent_text: str = ""  # exact text of the consent question in the turn's language

    def has(self, *intents: Intent) -> bool:
        """Any of the intents was noticed in this turn."""
        return any(noticed.intent in intents for noticed in self.noticed)

    def noticed_in(self, intent: Intent) -> Noticed | None:
        """The last message that carries the intent."""
        return next((noticed for noticed in reversed(self.noticed) if noticed.intent is intent), None)

    def carrying(self, *intents: Intent) -> set[str]:
        """Ids of the messages that carry one of the intents."""
        return {noticed.message_id for noticed in self.noticed if noticed.intent in intents}

    def tapped(self, prefix: str) -> Said | None:
        """The last tap whose id begins with `v1:intake:<prefix>:`."""
        return next((said for said in reversed(self.said) if said.choice_id.startswith(f"v1:intake:{prefix}:")), None)


class Decision(msgspec.Struct, kw_only=True):
    """What the policy wants said and stored; agents phrase it, they do not change it."""

    lines: list[Line] = []
    question: Question | None = None
    facts: list[Fact] = []
    retract: list[str] = []
    consents: list[Consent] = []
    intake: Intake
    opted_out: bool | None = None
    handoff: Handoff | None = None
    profile: list[Fact] = []  # current facts after this turn
    remarks: list[str] = []  # for recruiters, English

    @property
    def stage(self) -> str:
        """Stage of the conversation as the record keeps it."""
        return "stopped" if self.opted_out else "handoff" if self.handoff else self.intake.stage
