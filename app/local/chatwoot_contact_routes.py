"""Contacts over REST."""

import uuid
from typing import Any

from starlette.responses import Response

from app.local.chatwoot_desk import Desk
from app.local.chatwoot_gate import NOT_FOUND, Call, Endpoint, answer
from app.local.chatwoot_messages import Refused, could_not_create
from app.local.chatwoot_state import Contact, Inbox
from app.local.chatwoot_views import Views

Json = dict[str, Any]
PAGE = 15
KEYS = {"name", "phone_number", "email", "identifier"}


class ContactRoutes:
    def __init__(self, desk: Desk, views: Views) -> None:
        self.desk, self.views, self.store = desk, views, desk.store

    def endpoints(self) -> list[Endpoint]:
        one = "/contacts/{id:int}"
        return [
            Endpoint("GET", "/contacts", self.index),
            Endpoint("POST", "/contacts", self.create),
            Endpoint("GET", "/contacts/search", self.search),
            Endpoint("POST", "/contacts/filter", self.filter),
            Endpoint("GET", one, self.show),
            Endpoint("PUT", one, self.update),
            Endpoint("PATCH", one, self.update),
            Endpoint("DELETE", one, self.delete, admin=True),
            Endpoint("GET", f"{one}/conversations", self.conversations),
            Endpoint("POST", f"{one}/contact_inboxes", self.link),
            Endpoint("GET", f"{one}/contactable_inboxes", self.contactable),
            Endpoint("GET", f"{one}/labels", self.labels),
            Endpoint("POST", f"{one}/labels", self.set_labels),
            Endpoint("POST", f"{one}/destroy_custom_attributes", self.destroy_custom_attributes),
            Endpoint("POST", "/contact_inboxes/filter", self.by_source),
            Endpoint("POST", "/actions/contact_merge", self.merge),
        ]

    def _contact(self, number: int) -> Contact:
        contact = self.store.state.contacts.get(number)
        if contact is None:
            raise Refused(404, NOT_FOUND)
        return contact

    def _inbox(self, number: int) -> Inbox:
        inbox = self.store.state.inboxes.get(number)
        if inbox is None:
            raise Refused(404, NOT_FOUND)
        return inbox

    def _known(self) -> list[Contact]:
        """Contacts without e-mail, phone and identifier are not listed."""
        contacts = self.store.state.contacts.values()
        return [contact for contact in contacts if contact.email or contact.phone_number or contact.identifier]

    def _page(self, contacts: list[Contact], call: Call, *, total: bool) -> Response:
        page = max(1, call.number("page", 1))
        shown = contacts[(page - 1) * PAGE : page * PAGE]
        meta: Json = {"count": len(contacts) if total else len(shown), "current_page": page}
        if not total:
            meta["has_more"] = len(contacts) > page * PAGE
        return answer({"meta": meta, "payload": [self.views.contact(contact) for contact in shown]})

    def index(self, call: Call) -> Response:
        return self._page(self._known(), call, total=True)

    def search(self, call: Call) -> Response:
        """`count` counts this page only; an empty `q` finds nothing and says so with 422 over 200 in the original."""
        query = call.text("q").strip()
        found = [contact for contact in self.store.state.contacts.values() if query and _mentions(contact, query)]
        return self._page(found, call, total=False)

    def filter(self, call: Call) -> Response:
        conditions = call.params.get("payload")
        if not isinstance(conditions, list) or not conditions:
            raise could_not_create("payload is missing")
        found = [contact for contact in self._known() if _passes(contact, conditions)]
        return self._page(found, call, total=True)

    def create(self, call: Call) -> Response:
        """A source id of somebody else is an unhandled error in the original: 500, nothing kept."""
        fields = _fields(call)
        inbox = self._inbox(call.number("inbox_id")) if call.params.get("inbox_id") else None
        source_id = call.text("source_id") or str(uuid.uuid4())
        self.desk.contacts.check(fields)
        if inbox is not None and self.store.link(inbox.id, source_id) is not None:
            raise Refused(500, {"status": 500, "error": "Internal Server Error"})
        contact = self.desk.contacts.create(fields)
        linked: Json = {"inbox": None, "source_id": None}
        if inbox is not None:
            self.desk.contacts.link(contact, inbox.id, source_id)
            linked = {"inbox": self.views.inbox_slim(inbox), "source_id": source_id}
        return answer({"payload": {"contact": self.views.contact(contact), "contact_inbox": linked}})

    def show(self, call: Call) -> Response:
        return answer({"payload": self.views.contact(self._contact(call.number("id")))})

    def update(self, call: Call) -> Response:
        """Custom and additional attributes are merged, one level deep."""
        contact = self._contact(call.number("id"))
        fields = _fields(call)
        for key in ("custom_attributes", "additional_attributes"):
            if key in fields:
                fields[key] = {**getattr(contact, key), **fields[key]}
        self.desk.contacts.update(contact, fields)
        return answer({"payload": self.views.contact(contact)})

    def delete(self, call: Call) -> Response:
        self.store.drop_contact(self._contact(call.number("id")).id)
        self.store.touch()
        return answer()

    def conversations(self, call: Call) -> Response:
        found = self.store.conversations_of(self._contact(call.number("id")).id)
        newest = sorted(found, key=lambda item: item.last_activity_at, reverse=True)[:20]
        return answer({"payload": [self.views.conversation(item) for item in newest]})

    def link(self, call: Call) -> Response:
        contact, inbox = self._contact(call.number("id")), self._inbox(call.number("inbox_id"))
        source_id = call.text("source_id") or str(uuid.uuid4())
        if self.desk.contacts.link(contact, inbox.id, source_id) is None:
            raise could_not_create("source_id should be unique")
        return answer({"source_id": source_id, "inbox": self.views.inbox_slim(inbox)})

    def contactable(self, call: Call) -> Response:
        links = self.store.links_of(self._contact(call.number("id")).id)
        inboxes = self.store.state.inboxes
        shown = [{"source_id": i.source_id, "inbox": self.views.inbox_slim(inboxes[i.inbox_id])} for i in links]
        return answer({"payload": shown})

    def labels(self, call: Call) -> Response:
        return answer({"payload": self._contact(call.number("id")).labels})

    def set_labels(self, call: Call) -> Response:
        contact = self._contact(call.number("id"))
        contact.labels = [str(label) for label in call.params.get("labels") or []]
        self.store.touch()
        return answer({"payload": contact.labels})

    def destroy_custom_attributes(self, call: Call) -> Response:
        contact = self._contact(call.number("id"))
        gone = call.params.get("custom_attributes") or []
        kept = {key: value for key, value in contact.custom_attributes.items() if key not in gone}
        self.desk.contacts.update(contact, {"custom_attributes": kept})
        return answer({"payload": self.views.contact(contact)})

    def by_source(self, call: Call) -> Response:
        """The bare contact, or 404 with an empty body."""
        link = self.store.link(call.number("inbox_id"), call.text("source_id"))
        if link is None:
            raise Refused(404, None)
        return answer(self.views.contact(self.store.state.contacts[link.contact_id]))

    def merge(self, call: Call) -> Response:
        base, mergee = self._contact(call.number("base_contact_id")), self._contact(call.number("mergee_contact_id"))
        if base.id != mergee.id:
            self.desk.contacts.merge(base, mergee)
        return answer(self.views.contact(base))


def _fields(call: Call) -> Json:
    """The permitted ones; blank strings count as absent values."""
    fields: Json = {}
    for key in ("name", "phone_number", "email", "identifier"):
        if key in call.params:
            value = call.params[key]
            fields[key] = str(value) if value not in (None, "") else ("" if key == "name" else None)
    for key in ("custom_attributes", "additional_attributes"):
        if call.mapping(key) is not None:
            fields[key] = call.mapping(key)
    if "blocked" in call.params:
        fields["blocked"] = call.flag("blocked")
    return fields


def _mentions(contact: Contact, query: str) -> bool:
    loose = [contact.name, contact.email or "", contact.phone_number or ""]
    return any(query.casefold() in value.casefold() for value in loose) or query in (contact.identifier or "")


def _passes(contact: Contact, conditions: list[Json]) -> bool:
    """Conditions joined left to right by the `query_operator` of the one before."""
    result, joined = True, "AND"
    for condition in conditions:
        value = _holds(contact, condition)
        result = (result or value) if joined == "OR" else (result and value)
        joined = str(condition.get("query_operator") or "AND").upper()
    return result


def _holds(contact: Contact, condition: Json) -> bool:
    key, operator = str(condition.get("attribute_key")), condition.get("filter_operator")
    if key in KEYS:
        actual = str(getattr(contact, key) or "")
    elif key in contact.custom_attributes or condition.get("custom_attribute_type"):
        actual = str(contact.custom_attributes.get(key, ""))
    else:
        raise could_not_create(f"Invalid attribute key - [{key}]. The key should be one of {sorted(KEYS)}")
    raw = condition.get("values")
    values = [str(value) for value in (raw if isinstance(raw, list) else [raw])]
    if key == "phone_number":
        values = [value if value.startswith("+") else f"+{value}" for value in values]
    folded = [value.casefold() for value in values]
    checks = {
        "equal_to": actual.casefold() in folded,
        "not_equal_to": actual.casefold() not in folded,
        "contains": any(value in actual.casefold() for value in folded),
        "does_not_contain": not any(value in actual.casefold() for value in folded),
        "is_present": bool(actual),
        "is_not_present": not actual,
    }
    if operator not in checks:
        raise could_not_create(f"Invalid operator. The allowed operators for {key} are [{','.join(checks)}].")
    return checks[str(operator)]
