"""Settings that are plain tables over REST: labels, teams, canned responses, attribute definitions, webhooks."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from app.local.chatwoot_desk import Desk
from app.local.chatwoot_gate import NOT_FOUND, Call, Endpoint, Handle, answer
from app.local.chatwoot_messages import Refused, invalid
from app.local.chatwoot_payloads import iso

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A settings table. `wrap` names its records in bodies; `unique` is the field that may not repeat;
    `listing` and `single` give the answer's form; `admin`: methods for administrators only; `lower`: fields that are
    kept in lower case."""

    name: str
    wrap: str
    defaults: Json
    unique: str
    pattern: str = r"(?s).+"
    listing: Callable[[list[Json]], Any] = field(default=lambda rows: rows)
    single: Callable[[Json], Any] = field(default=lambda row: row)
    admin: frozenset[str] = frozenset({"POST", "PATCH", "DELETE"})
    lower: str = ""


DISPLAY_TYPES = ("text", "number", "currency", "percent", "link", "date", "list", "checkbox")
MODELS = ("conversation_attribute", "contact_attribute")
# Chatwoot's own fields: no attribute may be defined under such a key.
STANDARD = {
    "conversation_attribute": frozenset(
        [
            "status",
            "priority",
            "assignee_id",
            "inbox_id",
            "team_id",
            "display_id",
            "campaign_id",
            "labels",
            "browser_language",
            "country_code",
            "referer",
            "created_at",
            "last_activity_at",
        ]
    ),
    "contact_attribute": frozenset(
        [
            "name",
            "email",
            "phone_number",
            "identifier",
            "country_code",
            "city",
            "created_at",
            "last_activity_at",
            "referer",
            "blocked",
        ]
    ),
}
TABLES = [
    Table(
        name="labels",
        wrap="label",
        defaults={"title": "", "description": "", "color": "#1f93ff", "show_on_sidebar": None},
        unique="title",
        pattern=r"[\w-]+",
        lower="title",
        listing=lambda rows: {"payload": rows},
    ),
    Table(
        name="teams",
        wrap="team",
        defaults={"name": "", "description": None, "allow_auto_assign": True, "is_member": False},
        unique="name",
        lower="name",
    ),
    Table(
        name="canned_responses",
        wrap="canned_response",
        defaults={"short_code": "", "content": ""},
        unique="short_code",
        admin=frozenset(),
    ),
    Table(
        name="custom_attribute_definitions",
        wrap="custom_attribute_definition",
        defaults={
            "attribute_display_name": "",
            "attribute_display_type": "text",
            "attribute_description": None,
            "attribute_key": "",
            "regex_pattern": None,
            "regex_cue": None,
            "attribute_values": [],
            "attribute_model": "conversation_attribute",
            "default_value": None,
        },
        unique="attribute_key",
    ),
    Table(
        name="webhooks",
        wrap="webhook",
        defaults={"name": None, "url": "", "subscriptions": [], "secret": "", "inbox_id": None},
        unique="url",
        pattern=r"https?://\S+",
        admin=frozenset({"GET", "POST", "PATCH", "DELETE"}),
        listing=lambda rows: {"payload": {"webhooks": rows}},
        single=lambda row: {"payload": {"webhook": row}},
    ),
]


class TableRoutes:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.store = desk, desk.store

    def endpoints(self) -> list[Endpoint]:
        return [endpoint for table in TABLES for endpoint in self._table(table)]

    def _table(self, table: Table) -> list[Endpoint]:
        all_of, one = f"/{table.name}", f"/{table.name}/{{id:int}}"
        handles = [
            ("GET", all_of, self._list),
            ("POST", all_of, self._create),
            ("GET", one, self._show),
            ("PATCH", one, self._update),
            ("DELETE", one, self._delete),
        ]
        return [
            Endpoint(
                method,
                path,
                self._for(table, handle),
                bots=table.name == "labels" and path == all_of,
                admin=method in table.admin,
            )
            for method, path, handle in handles
        ]

    def _for(self, table: Table, handle: Callable[[Table, Call], Response]) -> Handle:
        return lambda call: handle(table, call)

    def _rows(self, table: Table) -> dict[int, Json]:
        return self.store.state.records.get(table.name, {})

    def _row(self, table: Table, call: Call) -> Json:
        row = self._rows(table).get(call.number("id"))
        if row is None:
            raise Refused(404, NOT_FOUND)
        return row

    def _list(self, table: Table, call: Call) -> Response:
        rows = list(self._rows(table).values())
        if table.name == "canned_responses" and call.text("search"):
            needle = call.text("search").casefold()
            rows = [
                row for row in rows if needle in row["short_code"].casefold() or needle in row["content"].casefold()
            ]
        if table.name == "custom_attribute_definitions" and "attribute_model" in call.params:
            model = _enum(call.params["attribute_model"], MODELS)
            rows = [row for row in rows if row["attribute_model"] == model]
        return answer(table.listing(rows))

    def _show(self, table: Table, call: Call) -> Response:
        return answer(table.single(self._row(table, call)))

    def _create(self, table: Table, call: Call) -> Response:
        given = self._given(table, call)
        row: Json = {"id": 0, "account_id": self.desk.payloads.account["id"], **table.defaults, **given}
        if table.name == "webhooks":
            row["secret"] = secrets.token_hex(24)
        self._check(table, row)
        if row.get("attribute_key") in STANDARD.get(row.get("attribute_model", ""), ()):
            text = "The provided key is not allowed as it might conflict with default attributes."
            raise invalid(f"Attribute key {text}", "attribute_key")
        row["id"] = self.store.next_id(table.name)
        row["created_at"] = row["updated_at"] = iso(self.desk.clock.now())
        self.store.state.records.setdefault(table.name, {})[row["id"]] = row
        self.store.touch()
        return answer(table.single(row))

    def _update(self, table: Table, call: Call) -> Response:
        row = self._row(table, call)
        changed = {**row, **self._given(table, call), "updated_at": iso(self.desk.clock.now())}
        self._check(table, changed)
        row.update(changed)
        self.store.touch()
        return answer(table.single(row))

    def _delete(self, table: Table, call: Call) -> Response:
        del self._rows(table)[self._row(table, call)["id"]]
        self.store.touch()
        return answer()

    def _given(self, table: Table, call: Call) -> Json:
        fields = call.within(table.wrap)
        given = {key: fields[key] for key in table.defaults if key in fields and key != "secret"}
        if table.lower in given:
            given[table.lower] = str(given[table.lower] or "").strip().lower()
        if "attribute_display_type" in given:
            given["attribute_display_type"] = _enum(given["attribute_display_type"], DISPLAY_TYPES)
        if "attribute_model" in given:
            given["attribute_model"] = _enum(given["attribute_model"], MODELS)
        return given

    def _check(self, table: Table, row: Json) -> None:
        key, name = table.unique, table.unique.replace("_", " ").capitalize()
        if not re.fullmatch(table.pattern, str(row[key] or "")):
            raise invalid(f"{name} is invalid", key)
        same = [other for other in self._rows(table).values() if other[key] == row[key] and other["id"] != row["id"]]
        if table.name == "custom_attribute_definitions":
            same = [other for other in same if other["attribute_model"] == row["attribute_model"]]
        if same:
            raise invalid(f"{name} has already been taken", key)


def _enum(value: Any, names: tuple[str, ...]) -> str:
    """Rails enums take the name or its number."""
    if str(value).isdigit() and int(value) < len(names):
        return names[int(value)]
    if value not in names:
        raise Refused(500, {"error": f"'{value}' is not a valid value"})
    return str(value)
