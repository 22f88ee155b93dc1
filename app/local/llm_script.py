"""What a scripted model is asked and what it answers, the same for both vendors' protocols."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import orjson

Json = dict[str, Any]
Vendor = Literal["anthropic", "openai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to a model. `schema` is set for structured output, `tools` are names and schemas offered.

    `account` is the API key it came with: a script may play another model for each.
    """

    vendor: Vendor
    model: str
    system: str
    text: str  # of the last user message
    schema: Json | None = None
    tools: dict[str, Json] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    account: str = ""


class Quirk(msgspec.Struct, kw_only=True):
    """A way in which a model's answer goes wrong although HTTP says 200; `times` null: for ever.

    refuse: declines; truncate: stops in the middle for want of tokens; malform: JSON that breaks off; misfit: JSON of
    another shape; silent: no stop reason; empty: nothing at all; trickle: the body drips over `seconds`;
    stall: nothing comes for `seconds`; cut: a stream breaks off in the middle; toolcall: the answer is a call of a
    tool that nobody offered, with arguments that are no JSON (Anthropic's SDK wants an object: there they are empty).
    """

    kind: Literal["refuse", "truncate", "malform", "misfit", "silent", "empty", "trickle", "stall", "cut", "toolcall"]
    vendor: str = ""  # either when empty
    match: str = ""  # text that the request's body must contain
    times: int | None = 1
    seconds: float = 1.0

    def hits(self, vendor: str, body: str) -> bool:
        """Counts itself down; true if it acts on this request."""
        if self.times == 0 or (self.vendor and self.vendor != vendor) or self.match not in body:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says. `value` is sent as JSON text (or as the arguments of `tool`), `text` as it is.

    `refusal` ends the answer by the vendor's own means; `stop` overrides the stop reason ("" sends null). `status` is
    an HTTP error instead of an answer; `quirk` spoils this answer.
    """

    text: str = ""
    value: Any = None
    tool: str = ""
    refusal: str = ""
    stop: str | None = None
    thinking_tokens: int = 0
    status: int = 0
    quirk: Quirk | None = None

    @property
    def payload(self) -> str:
        """What is sent: structured values as compact JSON."""
        return orjson.dumps(self.value).decode() if self.value is not None else self.text


Script = Callable[[Asked], Answer]


def tokens(text: str) -> int:
    """A rough count, four UTF-8 bytes to a token; enough to compare requests with each other."""
    return max(1, len(text.encode()) // 4) if text else 0


def spoilt(answer: Answer, quirk: Quirk | None) -> Answer:
    """The answer after the quirk. Truncation and broken streams are the protocols' own business."""
    payload = answer.payload
    ways = {
        "refuse": Answer(refusal="I can't help with that."),
        "malform": Answer(text=payload[: len(payload) * 2 // 3] + " …", tool=answer.tool),
        "misfit": Answer(value={"unexpected": [1, 2, 3]}, tool=answer.tool),
        "silent": Answer(text=payload, tool=answer.tool, stop=""),
        "empty": Answer(text=""),
        "toolcall": Answer(text=payload[: len(payload) // 2], tool="save_candidate"),
    }
    return ways.get(quirk.kind, answer) if quirk else answer


def smallest(schema: Json) -> Any:
    """The plainest value that fits a JSON schema: first choices, empty lists, null where it is allowed."""
    return _value(schema, schema)


def _value(schema: Json, root: Json) -> Any:
    if "$ref" in schema:
        node: Any = root
        for key in schema["$ref"].lstrip("#/").split("/"):
            node = node[key]
        return _value(node, root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            nullable = any(option.get("type") == "null" for option in schema[key])
            return None if nullable else _value(schema[key][0], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = "null" if isinstance(kind, list) and "null" in kind else kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _value(each, root) for name, each in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {"array": [], "integer": 1, "number": 0.5, "boolean": False, "null": None, "string": "x"}
    return plain[kind]


def plainest(asked: Asked) -> Answer:
    """The script of a twin that was given none."""
    if asked.schema is not None:
        return Answer(value=smallest(asked.schema))
    if asked.tools:
        name, schema = next(iter(asked.tools.items()))
        return Answer(value=smallest(schema), tool=name)
    return Answer(text="ok")


# Keywords that neither vendor's structured output compiles (Anthropic: structured outputs, JSON schema limitations;
# OpenAI: structured outputs, supported schemas, which do know bounds of numbers and lists).
_REFUSED: dict[Vendor, frozenset[str]] = {
    "anthropic": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "oneOf"}
        | {"maxItems", "uniqueItems", "patternProperties", "not", "if"}
    ),
    "openai": frozenset(
        {"oneOf", "allOf", "not", "if", "patternProperties", "minLength", "maxLength", "discriminator"}
    ),
}


def schema_fault(schema: Json, vendor: Vendor) -> str:
    """Why the vendor would refuse a strict schema with a 400; empty when it would not."""
    for node in _nodes(schema):
        if refused := sorted(_REFUSED[vendor] & node.keys()):
            return f"schema keywords {refused} are not supported"
        if node.get("type") == "object" or "properties" in node:
            if node.get("additionalProperties") is not False:
                return "every object needs additionalProperties: false"
            if vendor == "openai" and set(node.get("required", [])) != set(node.get("properties", {})):
                return "every property must be listed in required"
    return ""


def _nodes(schema: Any) -> list[Json]:
    """Every schema inside a schema; names of properties are not keywords."""
    if isinstance(schema, list):
        return list(itertools.chain.from_iterable(_nodes(item) for item in schema))
    if not isinstance(schema, dict):
        return []
    inner = [value for key in ("properties", "$defs", "definitions") for value in schema.get(key, {}).values()]
    inner += [schema[key] for key in ("items", "anyOf", "allOf", "oneOf") if key in schema]
    return [schema, *itertools.chain.from_iterable(_nodes(item) for item in inner)]
