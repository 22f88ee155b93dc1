"""Ways in which models misbehave, as data: what goes wrong, at which agents, and what must not come of it."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from app.local.llm_script import Answer, Asked, Json, Quirk, Vendor
from evals.dialogues import Dialogue, DialogueError, Forbidden
from evals.reader import agent_of, given
from evals.shapes import completed

FILE = Path(__file__).with_name("misbehaviour.toml")
_SAID = "$said"  # in a quote: the whole of the first message


class Misbehaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`agents`: empty means all. `times` bounds the calls of one dialogue that go wrong.

    `status` is the HTTP error by vendor and `quirk` a broken protocol; `adds` goes over the good answer by agent
    (lists grow, other values are replaced), `says` is added to every sentence, by language. `persona` names the only
    one to whom this happens, `forbid` what may not come of it. `seconds` is how long a call may take then.
    """

    id: str
    why: str
    agents: list[str] = []
    times: int | None = None
    status: dict[Vendor, int] = {}
    quirk: Quirk | None = None
    adds: dict[str, Json] = {}
    says: dict[str, str] = {}
    persona: str = ""
    forbid: Forbidden = Forbidden()
    seconds: float = 0.0

    def answer(self, asked: Asked, good: Json, language: str) -> Answer:
        """What comes instead of the good answer; it fits the schema unless a quirk spoils it."""
        agent, vendor, schema = agent_of(asked), asked.vendor, asked.schema or {}
        messages: list[Json] = given(asked.text, "messages") or []
        if self.status:
            return Answer(status=self.status[vendor])
        bad = dict(good)
        for key, value in self.adds.get(agent, {}).items():
            filled = _filled(value, messages)
            bad[key] = [*good.get(key, []), *filled] if isinstance(filled, list) else filled
        if agent == "conversation" and self.says:
            said = self.says[language]
            bad["pieces"] = [{**piece, "text": f"{piece['text']} {said}"} for piece in good["pieces"]]
        return Answer(
            value=completed(schema, schema, bad), quirk=msgspec.structs.replace(self.quirk) if self.quirk else None
        )

    def hits(self, agent: str) -> bool:
        """Whether this agent misbehaves."""
        return not self.agents or agent in self.agents


def _filled(value: Any, messages: list[Json]) -> Any:
    if isinstance(value, list):
        return [_filled(one, messages) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, messages) for key, one in value.items()}
    return str(messages[0]["text"]) if value == _SAID and messages else value


def load_misbehaviours(path: Path = FILE) -> list[Misbehaviour]:
    """Raises DialogueError."""
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return msgspec.convert(data["misbehaviour"], list[Misbehaviour])
    except msgspec.ValidationError as error:
        raise DialogueError(f"{path.name}: {error}") from error


class Casting(msgspec.Struct, frozen=True, kw_only=True):
    """A dialogue with the vendor that answers first, and what this one does wrong."""

    dialogue: Dialogue
    vendor: Vendor
    misbehaviour: Misbehaviour | None = None

    @property
    def account(self) -> str:
        """The API key by which the scripted model knows whom it plays."""
        wrong = self.misbehaviour.id if self.misbehaviour else "good"
        return f"{self.dialogue.id}/{self.vendor}/{wrong}"


VENDORS: tuple[Vendor, ...] = ("anthropic", "openai")
# Their answers are long enough for models to be asked about them.
_SUBJECTS = ("talkative", "voice", "cv", "typos", "fragments", "liar", "vague", "changer", "sensitive", "switch")


def well_behaved(dialogues: list[Dialogue], vendors: tuple[Vendor, ...] = VENDORS) -> list[Casting]:
    """Every dialogue with every vendor."""
    return [Casting(dialogue=dialogue, vendor=vendor) for vendor in vendors for dialogue in dialogues]


def misbehaving(dialogues: list[Dialogue], wrong: list[Misbehaviour], *, whole: bool) -> list[Casting]:
    """Every misbehaviour in every language at both vendors; whom it happens to goes round.

    Not `whole`: what is said goes to one vendor in turn, and what has no language to two languages, one a vendor.
    """
    languages = sorted({_language(dialogue) for dialogue in dialogues})
    cast = []
    for number, misbehaviour in enumerate(wrong):
        places = [(at, vendor) for at in range(len(languages)) for vendor in VENDORS]
        if not whole and misbehaviour.says:
            places = [(at, VENDORS[(number + at) % len(VENDORS)]) for at in range(len(languages))]
        elif not whole:
            places = [((2 * number + one) % len(languages), vendor) for one, vendor in enumerate(VENDORS)]
        for at, vendor in places:
            persona = misbehaviour.persona or _SUBJECTS[(number + at) % len(_SUBJECTS)]
            subject = [one for one in dialogues if _language(one) == languages[at] and one.persona == persona]
            cast += [
                Casting(dialogue=_warned(one, misbehaviour), vendor=vendor, misbehaviour=misbehaviour)
                for one in subject[:1]
            ]
    return cast


def _language(dialogue: Dialogue) -> str:
    return dialogue.id.partition("-")[0]


def _warned(dialogue: Dialogue, misbehaviour: Misbehaviour) -> Dialogue:
    """The dialogue in which what the model invents is forbidden too."""
    own, more = dialogue.forbid, misbehaviour.forbid
    said = [*own.said, *more.said, *misbehaviour.says.values()]
    both = Forbidden(values=[*own.values, *more.values], fields=[*own.fields, *more.fields], said=said)
    return msgspec.structs.replace(dialogue, forbid=both)
