"""PostgREST's URL language for reading tables, as far as supabase-py's simple selects use it, turned into SQL.

select=a,b&order=a.desc.nullslast,b&limit=1&offset=2&a=eq.1&b=not.is.null&c=in.(1,2)
"""

import re
from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
}
_IS = {"null": "null", "true": "true", "false": "false", "unknown": "unknown", "not_null": "not null"}
_DIRECTIONS = {"asc": "asc", "desc": "desc", "nullsfirst": "nulls first", "nullslast": "nulls last"}
_LIST_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,]+)')


class QueryError(ValueError):
    """A parameter outside of what this gateway understands; the text names it."""


def identifier(name: str) -> str:
    """A column or table name as SQL; plain names only, which is all our schema has."""
    if not _IDENTIFIER.fullmatch(name):
        raise QueryError(f'"{name}" is not a plain name')
    return f'"{name}"'


def literal(value: str) -> str:
    """A quoted constant without a type: Postgres gives it the type of the column it is compared with."""
    if "\x00" in value:
        raise QueryError("a value holds a NUL character")
    return "'" + value.replace("'", "''") + "'"


def select_sql(table: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The statement for `GET /<table>?…`; yields one text: a JSON array. Raises QueryError."""
    columns, conditions, tail = "*", [], ""
    for name, value in parameters:
        if name == "select":
            columns = _columns(value)
        elif name == "order":
            tail = f" order by {_order(value)}" + tail
        elif name in ("limit", "offset"):
            if not value.isdecimal():
                raise QueryError(f"{name} must be a whole number")
            tail += f" {name} {value}"
        else:
            conditions.append(f"{identifier(name)} {_condition(value)}")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    # Names are checked, values quoted.
    rows = f"select {columns} from public.{identifier(table)}{where}{tail}"  # noqa: S608
    return f"select coalesce(json_agg(r), '[]')::text from ({rows}) as r"  # noqa: S608


def _columns(value: str) -> str:
    shown = []
    for part in value.split(","):
        alias, _, column = part.rpartition(":")
        sql = "*" if column == "*" else identifier(column)
        shown.append(f"{sql} as {identifier(alias)}" if alias else sql)
    return ", ".join(shown)


def _order(value: str) -> str:
    terms = []
    for part in value.split(","):
        column, *flags = part.split(".")
        if unknown := [flag for flag in flags if flag not in _DIRECTIONS]:
            raise QueryError(f"unknown direction {unknown[0]}")
        terms.append(" ".join([identifier(column), *(_DIRECTIONS[flag] for flag in flags)]))
    return ", ".join(terms)


def _condition(value: str) -> str:
    operator, _, operand = value.partition(".")
    if operator == "not":
        negated = _condition(operand)
        keyword, _, rest = negated.partition(" ")
        return {"is": f"is not {rest}", "in": f"not in {rest}"}.get(keyword) or f"{_negation(keyword)} {rest}"
    if operator == "is" and operand.lower() in _IS:
        return f"is {_IS[operand.lower()]}"
    if operator == "in" and operand.startswith("(") and operand.endswith(")"):
        return f"in ({', '.join(map(literal, _items(operand[1:-1])))})"
    if operator in _COMPARISONS:
        pattern = operand.replace("*", "%") if operator in ("like", "ilike") else operand
        return f"{_COMPARISONS[operator]} {literal(pattern)}"
    raise QueryError(f"the filter {operator} is not understood by the local gateway")


def _negation(sign: str) -> str:
    opposite = {"=": "<>", "<>": "=", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}
    return opposite.get(sign) or f"not {sign}"


def _items(text: str) -> list[str]:
    """Items of `in.(…)`; an item in double quotes may hold commas, with backslash escapes."""
    found = []
    for quoted, plain in _LIST_ITEM.findall(text):
        found.append(plain or re.sub(r"\\(.)", r"\1", quoted))
    if not found:
        raise QueryError("an empty list matches nothing")
    return found
