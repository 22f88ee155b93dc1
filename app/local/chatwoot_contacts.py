"""Contacts of the Chatwoot twin: unique keys, links to inboxes, merging."""

import re
from typing import Any

from app.local.chatwoot_events import Dispatcher, Event
from app.local.chatwoot_messages import invalid
from app.local.chatwoot_payloads import changed_attributes
from app.local.chatwoot_state import Contact, ContactInbox, Store
from app.local.twin_clock import TwinClock

Json = dict[str, Any]
PHONE = re.compile(r"\+[1-9]\d{1,14}")


class ContactBook:
    """Raises Refused (422) for values that Chatwoot does not take."""

    def __init__(self, *, store: Store, clock: TwinClock, events: Dispatcher) -> None:
        self.store, self.clock, self.events = store, clock, events

    def check(self, fields: Json, *, own_id: int = 0) -> None:
        phone, identifier, email = fields.get("phone_number"), fields.get("identifier"), fields.get("email")
        if phone and not PHONE.fullmatch(str(phone)):
            raise invalid("Phone number should be in e164 format", "phone_number")
        others = [contact for contact in self.store.state.contacts.values() if contact.id != own_id]
        if phone and any(contact.phone_number == phone for contact in others):
            raise invalid("Phone number has already been taken", "phone_number")
        if identifier and any(contact.identifier == identifier for contact in others):
            raise invalid("Identifier has already been taken", "identifier")
        if email and any((contact.email or "").casefold() == str(email).casefold() for contact in others):
            raise invalid("Email has already been taken", "email")

    def create(self, fields: Json) -> Contact:
        self.check(fields)
        now = self.clock.now()
        contact = Contact(id=self.store.next_id("contacts"), created_at=now, **fields)
        self.store.state.contacts[contact.id] = contact
        self.store.touch()
        self.events.emit(Event(name="contact_created", contact=contact.id))
        return contact

    def update(self, contact: Contact, fields: Json) -> None:
        """Skips the event when nothing changed."""
        self.check(fields, own_id=contact.id)
        changes = [
            (key, getattr(contact, key), value) for key, value in fields.items() if getattr(contact, key) != value
        ]
        for key, _, value in changes:
            setattr(contact, key, value)
        self.store.touch()
        if changes:
            extra = {"changed_attributes": changed_attributes(changes)}
            self.events.emit(Event(name="contact_updated", contact=contact.id, extra=extra))

    def link(self, contact: Contact, inbox_id: int, source_id: str) -> ContactInbox | None:
        """Find or create; None when the source id belongs to another contact."""
        link = self.store.link(inbox_id, source_id)
        if link is None:
            link = self.store.add_link(contact.id, inbox_id, source_id, self.clock.now())
            self.store.touch()
        return link if link.contact_id == contact.id else None

    def merge(self, base: Contact, mergee: Contact) -> None:
        """Everything of `mergee` moves to `base`; base's own values win."""
        state = self.store.state
        for link in self.store.links_of(mergee.id):
            link.contact_id = base.id
        for conversation in self.store.conversations_of(mergee.id):
            conversation.contact_id = base.id
        for message in state.messages.values():
            if message.sender_type == "Contact" and message.sender_id == mergee.id:
                message.sender_id = base.id
        filled: Json = {
            key: getattr(mergee, key)
            for key in ("phone_number", "email", "identifier", "name")
            if not getattr(base, key) and getattr(mergee, key)
        }
        filled["custom_attributes"] = {**mergee.custom_attributes, **base.custom_attributes}
        filled["additional_attributes"] = {**mergee.additional_attributes, **base.additional_attributes}
        self.store.drop_contact(mergee.id)
        self.update(base, filled)
