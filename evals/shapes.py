"""The shapes in which agents want their answers, read from the schema that each request brings."""

from typing import Any

from app.local.llm_script import Json, smallest
from app.recruiting.profile import Fact, kind, part

_LISTS = {"contract_preference": "contracts", "references_available": "references"}  # others are called as their field
_NAMES = {"title_raw": "title", "raw": "skill"}  # parts of a value that the model gives under another name


def completed(schema: Json, node: Json, value: Any) -> Any:
    """The value with every part that its schema requires; what nobody gave is null, empty or the first choice."""
    shape = inner(schema, node)
    if isinstance(value, list):
        return [completed(schema, shape["items"], one) for one in value] if "items" in shape else value
    if not isinstance(value, dict) or "properties" not in shape:
        return value
    definitions = {"$defs": schema.get("$defs", {})}
    return {
        name: completed(schema, part_, value[name]) if name in value else smallest({**part_, **definitions})
        for name, part_ in shape["properties"].items()
    }


def put_told(value: Json, schema: Json, words: Json, fact: Fact) -> None:
    """Add a fact to `value["told"]`, which `schema` (of the whole answer) describes."""
    shape = inner(schema, schema["properties"]["told"])
    told = value.setdefault("told", {})
    for name in shape["properties"]:
        told.setdefault(name, [])
    name = _LISTS.get(kind(fact.field), kind(fact.field))
    item = inner(schema, shape["properties"][name]["items"])
    told[name].append(_empty(item, schema) | words | _given(fact))


def _given(fact: Fact) -> Json:
    if kind(fact.field) == "travel":
        return _travel(fact)
    given = {_NAMES.get(name, name): each for name, each in fact.value.items()}
    return given | ({"possible": fact.value.get("possible", True)} if kind(fact.field) == "shifts" else {})


def _travel(fact: Fact) -> Json:
    match part(fact.field):
        case "own_transport":
            return {"what": "own_transport" if fact.value["own_transport"] else "no_own_transport"}
        case "max_minutes":
            return {"what": "max_minutes", "minutes": fact.value["max_minutes"]}
        case mode:
            return {"what": mode}


def inner(schema: Json, node: Json) -> Json:
    """The object behind a reference, or behind "that or null"."""
    for option in node.get("anyOf", []):
        if option.get("type") != "null":
            return inner(schema, option)
    if "$ref" not in node:
        return node
    found: Any = schema
    for key in node["$ref"].lstrip("#/").split("/"):
        found = found[key]
    return inner(schema, found)


def _empty(item: Json, schema: Json) -> Json:
    """Every part as it is given when nothing was said of it."""
    return {name: _nothing(inner(schema, node)) for name, node in item["properties"].items()}


def _nothing(node: Json) -> Any:
    if "enum" in node:
        return "" if "" in node["enum"] else node["enum"][0]
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(node.get("type", ""))
