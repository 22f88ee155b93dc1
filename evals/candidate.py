"""A scripted candidate: answers the question that is open, with what the dialogue says for it."""

from app.recruiting.answers.closed import is_closed
from app.recruiting.conflicts import CONFLICT
from app.recruiting.messages import Choice, InboundMessage, Kind, Reply
from app.recruiting.profile import Field, kind, part
from evals.dialogues import Dialogue, DialogueError, Message, Utterance, messages_of
from evals.matching import folded

# What everybody does unless the dialogue says otherwise.
_DEFAULTS: dict[str, Utterance] = {
    "open": "#open:start",
    "consent": "#consent:yes",
    "review": "#review:correct",
    CONFLICT: "#review:correct",
}
_SECONDS_BETWEEN = 2.0  # two messages of one turn
_HOUR = 3600.0


class Candidate:
    """Says the opening, then answers until nothing is left to say to the open question, then says the last words."""

    def __init__(self, dialogue: Dialogue, now: float) -> None:
        self._dialogue = dialogue
        self._opening = list(dialogue.opening)
        self._answers = {field: list(said) for field, said in dialogue.answers.items()}
        self._after = list(dialogue.after)
        self._offered: list[Choice] = []
        self._asked_often: dict[str, int] = {}
        self._messages = 0
        self.now = now
        self.answered: set[str] = set()  # questions that got an answer
        self._sent: list[InboundMessage] = []
        self._shown = ""  # the last replies' words
        self._objects_to = ""  # the field that was read back wrong

    def read(self, replies: list[Reply]) -> None:
        """Look at what is said and what can be tapped now."""
        self._shown = folded(" ".join(reply.text for reply in replies))
        for reply in replies:
            if reply.buttons or reply.rows:
                self._offered = [*reply.buttons, *reply.rows]

    def next_turn(self, asked: str) -> list[InboundMessage]:
        """The next messages, given the open question; empty when the candidate has nothing more to say."""
        said = self._next(asked)
        return [self._inbound(message) for message in messages_of(said)] if said is not None else []

    def _next(self, asked: str) -> Utterance | None:
        if self._opening:
            return self._opening.pop(0)
        if asked and (said := self._answer(asked)) is not None:
            self.answered.add(asked)
            return said
        return self._after.pop(0) if self._after and not asked else None

    def _answer(self, asked: str) -> Utterance | None:
        if asked == "change" and self._objects_to:
            return f"#change:{self._objects_to}"
        if asked == "review" and asked not in self._dialogue.answers:
            self._objects_to = self._misread()
            return "#review:change" if self._objects_to else _DEFAULTS[asked]
        if self._answers.get(asked):
            return self._answers[asked].pop(0)
        times = self._asked_often[asked] = self._asked_often.get(asked, 0) + 1
        if asked in self._dialogue.answers or times > 1:
            return None  # everything that the script has for this question is said
        if asked.startswith("level."):
            level = (self._dialogue.expect.languages or {}).get(part(asked), "")
            return f"#level.{part(asked)}:{level or 'unsure'}"
        return _DEFAULTS.get(asked)

    def _misread(self) -> str:
        """A field that the read-back does not show as it was meant, while there are other words for it."""
        expect = self._dialogue.expect
        forms = {Field.NAME: expect.name, Field.ROLE: expect.role, Field.CITY: expect.city}
        for field, accepted in forms.items():
            if accepted and self._answers.get(field) and not any(folded(form) in self._shown for form in accepted):
                return field.value
        return ""

    def _inbound(self, message: Message) -> InboundMessage:
        self._messages += 1
        self.now += message.later * _HOUR + _SECONDS_BETWEEN
        message_id = f"wamid.{self._messages}"
        if message.tap:
            choice = self._choice(message.tap)
            return InboundMessage(
                message_id=message_id, sent_at=self.now, kind=Kind.CHOICE, text=choice.title, choice_id=choice.id
            )
        inbound = InboundMessage(
            message_id=message_id,
            sent_at=self.now,
            kind=Kind(message.kind),
            text=message.text,
            target_id=self._target(message.of) if message.of else "",
        )
        self._sent.append(inbound)
        return inbound

    def _target(self, beginning: str) -> str:
        for sent in reversed(self._sent):
            if sent.text.startswith(beginning):
                return sent.message_id
        raise DialogueError(f"{self._dialogue.id} takes back {beginning!r}, but has not said it")

    def _choice(self, ending: str) -> Choice:
        """What was offered last; a level that is not in the list (native) is typed in practice, so it must be there."""
        for choice in self._offered:
            if choice.id.endswith(f":{ending}"):
                return choice
        offered = ", ".join(choice.id for choice in self._offered) or "nothing"
        raise DialogueError(f"{self._dialogue.id} taps {ending!r}, but {offered} was offered")


def fields_answered(questions: set[str]) -> set[str]:
    """Kinds of fact that answers to these questions can give."""
    kinds = {kind(question) for question in questions if question in set(Field) or is_closed(question)}
    if any(question.startswith("level.") for question in questions) or Field.LANGUAGES in kinds:
        kinds.add("language_levels")
    return kinds
