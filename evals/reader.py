"""What a good model answers about a dialogue: its script for the four agents, in the shapes that they ask for.

What is plain to see is derived: expected values where they stand in the words, dates and letters where rules agree
with the expectation. What only a reader of prose understands is written in the dialogue (`reads`, `hears`). Nothing
is answered that the dialogue does not expect.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from app.local.llm_script import Asked, Json
from app.recruiting.answers.reading import read_turn
from app.recruiting.evidence import occurs
from app.recruiting.guard_inbound import suspicions
from app.recruiting.interrupts import Intent, in_text
from app.recruiting.languages import build_detector
from app.recruiting.messages import Kind
from app.recruiting.profile import LEVELS, Fact, Field, kind, part
from app.recruiting.said import Said
from evals.dialogues import Dialogue, messages_of
from evals.matching import is_expected
from evals.shapes import completed, inner, put_told
from evals.voice import LEAD

OFF_TOPIC = "off_topic"
_AGENTS = {"intents": "router", "licences": "extraction", "pieces": "conversation", "lines": "crm"}
_SINGLE = {Field.NAME: "display", Field.ROLE: "title", Field.CITY: "city"}
_NEVER_ADDED = frozenset({Intent.START, Intent.ABUSE, Intent.INJECTION, Intent.YES, Intent.NO})


def agent_of(asked: Asked) -> str:
    """Which of our agents asks, told by the shape of the answer it wants."""
    properties = (asked.schema or {}).get("properties", {})
    return next((agent for name, agent in _AGENTS.items() if name in properties), "")


def given(text: str, name: str) -> Any:
    """What a prompt's turn gives under `name: …` or between `<name>` tags; None where it gives nothing."""
    block = re.search(rf"^<{name}>\n(.*?)\n</{name}>$", text, re.MULTILINE | re.DOTALL)
    line = block or re.search(rf"^{name}: (.*)$", text, re.MULTILINE)
    try:
        return orjson.loads(line[1]) if line else None
    except orjson.JSONDecodeError:
        return line[1] if line else None


class Reader:
    """One dialogue's model. Its language is told by each prompt."""

    def __init__(self, dialogue: Dialogue, zone: ZoneInfo) -> None:
        self._dialogue = dialogue
        self._zone = zone

    def __call__(self, asked: Asked) -> Json:
        """The structured answer to one request: what the script has to say, and nothing where it says nothing."""
        schema = asked.schema or {}
        match agent_of(asked):
            case "router":
                answer = self._route(asked.text, schema)
            case "extraction":
                answer = self._extract(asked.text, schema)
            case "conversation":
                answer = self._phrase(asked.text)
            case "crm":
                answer = self._summarise(asked.text)
            case _:
                raise ValueError("an agent that this script does not know asks; teach it to answer")
        whole: Json = completed(schema, schema, answer)
        return whole

    def _route(self, prompt: str, schema: Json) -> Json:
        situation, messages = given(prompt, "situation"), given(prompt, "messages")
        language = situation["language_so_far"] or situation["language_by_rules"]
        known = inner(schema, inner(schema, schema["properties"]["intents"])["items"])["properties"]["intent"]["enum"]
        hears, detect = self._dialogue.hears, build_detector().guess
        seen = [
            {"message": one["n"], "intent": intent, "quote": quote}
            for one in messages
            for intent, quote in [*hears.items(), *_plain_intents(one["text"], language)]
            if intent in known and occurs(quote, one["text"])
        ]
        texts = [one["text"] for one in messages]
        return {
            "language": situation["language_by_rules"],
            "intents": seen,
            "off_topic": OFF_TOPIC in hears and any(occurs(hears[OFF_TOPIC], text) for text in texts),
            "injection": any(one.kind == "injection" for text in texts for one in suspicions(text, language, detect)),
        }

    def _extract(self, prompt: str, schema: Json) -> Json:
        asked, messages = given(prompt, "asked") or "", given(prompt, "messages")
        facts: dict[str, tuple[int, Fact]] = {}
        for one in messages:  # a later word on the same thing counts
            facts |= {fact.field: (one["n"], fact) for fact in self._facts(_said(one, self._zone), asked)}
        value: Json = {Field.LANGUAGES.value: [], Field.LICENCES.value: []}
        for n, fact in facts.values():
            _put(value, schema, n, fact)
        vague = not any(asked in {field, kind(field)} for field in facts) and self._says_it_again(asked, messages)
        return value | {"vague": [asked] if vague else []}

    def _facts(self, said: Said, asked: str) -> Iterator[Fact]:
        """What the words say of the expected facts: by rules, by the expected words themselves, by the script."""
        expect, language = self._dialogue.expect, self._dialogue.language
        for question in dict.fromkeys([asked, ""]):
            for fact in read_turn([said], question, language, self._zone).facts:
                if is_expected(fact, expect):
                    yield fact
        for field, forms in ((Field.NAME, expect.name), (Field.ROLE, expect.role), (Field.CITY, expect.city)):
            for form in sorted(forms or [], key=len):
                if found := re.search(rf"(?<!\w){re.escape(form)}(?!\w)", said.text, re.IGNORECASE):
                    yield _fact(field, {_SINGLE[field]: found[0]}, found[0], said)
        for path, quotes in self._dialogue.reads.items():
            for quote in [quotes] if isinstance(quotes, str) else quotes:
                if occurs(quote, said.text):
                    yield _fact(path, self._value(path, quote), quote, said)

    def _value(self, field: str, quote: str) -> Json:
        """The expected value of a fact whose words the script gives."""
        expect = self._dialogue.expect
        match kind(field):
            case Field.NAME | Field.ROLE | Field.CITY:
                forms = {"name": expect.name, "role": expect.role, "city": expect.city}[kind(field)] or []
                said = [found[0] for form in forms if (found := re.search(re.escape(form), quote, re.IGNORECASE))]
                return {_SINGLE[Field(kind(field))]: max(said, key=len, default=quote)}
            case Field.AVAILABILITY:
                return {"from": expect.availability}
            case Field.LANGUAGES:
                return {"language": part(field)}
            case Field.LICENCES:
                return {"type": part(field)}
            case _ if kind(field) == LEVELS:
                return {"level": (expect.languages or {})[part(field)]}
        raise ValueError(f"a scripted reading of {field} is not supported; let rules read it")

    def _says_it_again(self, asked: str, messages: Sequence[Json]) -> bool:
        """An answer after which the candidate has another one ready answered too little."""
        answers = self._dialogue.answers.get(asked, [])
        early = {message.text for utterance in answers[:-1] for message in messages_of(utterance)}
        return any(one["text"] in early for one in messages)

    @staticmethod
    def _phrase(prompt: str) -> Json:
        """Every piece in its own words, the question after a word that shows the candidate was heard."""
        lead = LEAD.get(str(given(prompt, "language")).strip('"'), "")
        pieces = [
            {"n": one["n"], "text": f"{lead} {one['says']}".strip() if one["asks"] else one["says"], "facts": []}
            for one in given(prompt, "step")
        ]
        return {"pieces": pieces}

    @staticmethod
    def _summarise(prompt: str) -> Json:
        profile = {kind(one["field"]): one["value"] for one in given(prompt, "profile") or []}
        work, town = profile.get("role", {}).get("title"), profile.get("city", {}).get("city")
        start = profile.get("availability", {}).get("from")
        wish = f"Looks for work: {work or 'not said yet'}; lives in: {town or 'not said yet'}; from: {start or 'open'}."
        return {"lines": [wish, f"Comes to you because of: {given(prompt, 'occasion')}."]}


def _plain_intents(text: str, language: str) -> list[tuple[str, str]]:
    return [(intent.value, quote) for intent, quote in in_text(text, language) if intent not in _NEVER_ADDED and quote]


def _said(one: Json, zone: ZoneInfo) -> Said:
    at = dt.datetime.strptime(one["sent"], "%A %Y-%m-%d %H:%M").replace(tzinfo=zone).timestamp()
    return Said(message_id=str(one["n"]), text=one["text"], at=at, kind=Kind(one["kind"]))


def _fact(field: str, value: Json, quote: str, said: Said) -> Fact:
    return Fact(field=field, value=value, quote=quote, message_id=said.message_id)


def _put(value: Json, schema: Json, n: int, fact: Fact) -> None:
    """Into the extraction's shape."""
    words: Json = {"message": n, "quote": fact.quote}
    name = kind(fact.field)
    match name:
        case Field.NAME | Field.ROLE | Field.CITY:
            text = {_SINGLE[Field(name)]: fact.value[_SINGLE[Field(name)]]}
            value[name] = words | text | ({"open": bool(fact.value.get("open"))} if name == Field.ROLE else {})
        case Field.AVAILABILITY:
            day = {"day": fact.value["from"], "precision": fact.value.get("precision", "day")}
            value[name] = words | day | {"immediate": bool(fact.value.get("immediate"))}
        case Field.LICENCES:
            if fact.value.get("held", True):  # a no to one of them is read by rules
                value[name].append(words | {"type": fact.value["type"]})
        case Field.LANGUAGES:
            known = next((one for one in value[name] if one["code"] == part(fact.field)), None)
            if known is None:
                value[name].append(words | {"code": part(fact.field), "level": None})
        case _ if name == LEVELS:
            rest = [one for one in value[Field.LANGUAGES] if one["code"] != part(fact.field)]
            level = fact.value["level"]
            value[Field.LANGUAGES.value] = [*rest, words | {"code": part(fact.field), "level": level}]
        case _:
            put_told(value, schema, words, fact)
