"""The recruiter at Chatwoot's screen: what they see and do (`/_twin/…`)."""

import base64
import binascii
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from app.local.chatwoot_desk import Desk
from app.local.chatwoot_messages import NewMessage, Refused, Upload
from app.local.chatwoot_state import Conversation, Message, User
from app.local.chatwoot_views import Views
from app.local.twin_control import ControlError, Handler, answer, controlled, json_of, news, number_of, object_of

Json = dict[str, Any]
LINK_SECONDS = 300


class Attach(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    filename: str
    content_base64: str
    mime_type: str = ""


class Write(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A message as the composer makes it. `author` is a user's id (0 = the first recruiter) or what writes by itself:
    automation and csat are signed by nobody, captain by the assistant, contact by the candidate."""

    content: str | None = None
    private: bool = False
    author: int | Literal["automation", "csat", "captain", "contact"] = 0
    attachments: list[Attach] = []
    template_params: Json = {}
    in_reply_to: int = 0
    content_attributes: Json = {}


class Act(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes a recruiter makes to a conversation; absent fields stay. `assignee_id` 0 unassigns; `user` acts."""

    user: int = 0
    status: str | None = None
    snoozed_until: float = 0.0
    assignee_id: int | None = None
    assignee_bot_id: int | None = None
    team_id: int | None = None
    labels: list[str] | None = None
    custom_attributes: Json | None = None
    priority: str | None = None
    typing: bool | None = None
    typing_private: bool = False
    seen: bool = False


class DeskControl:
    def __init__(self, desk: Desk, views: Views) -> None:
        self.desk, self.views, self.store = desk, views, desk.store

    def routes(self) -> list[Route]:
        one = "/_twin/conversations/{id:int}"
        table: list[tuple[str, Handler, list[str]]] = [
            ("/_twin/conversations", self.conversations, ["GET"]),
            (one, self.conversation, ["GET", "PATCH", "DELETE"]),
            (f"{one}/say", self.write, ["POST"]),
            (f"{one}/messages/{{message_id:int}}", self.message, ["GET", "DELETE"]),
            (f"{one}/messages/{{message_id:int}}/retry", self.retry, ["POST"]),
            (f"{one}/automation", self.automation, ["POST"]),
            ("/_twin/contacts", self.contacts, ["GET"]),
            ("/_twin/people", self.people, ["GET"]),
            ("/_twin/stream", self.stream, ["GET"]),
        ]
        guarded = [Route(path, controlled(self._refusals(handle)), methods=methods) for path, handle, methods in table]
        files = [
            Route("/rails/active_storage/blobs/redirect/{key}/{filename}", self.redirect),
            Route("/rails/active_storage/disk/{ticket}/{key}/{filename}", self.file),
        ]
        return guarded + files

    def _refusals(self, handle: Handler) -> Handler:
        async def wrapped(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refusal:
                raise ControlError(str(refusal.body), refusal.status) from None

        return wrapped

    def _conversation(self, request: Request) -> Conversation:
        found = self.store.state.conversations.get(request.path_params["id"])
        if found is None:
            raise ControlError(f"no conversation {request.path_params['id']}", 404)
        return found

    def _user(self, number: int) -> User:
        users = self.store.state.users
        chosen = users.get(number) or next((user for user in users.values() if user.role == "agent"), None)
        if chosen is None or (number and number not in users):
            raise ControlError(f"no user {number}; GET /_twin/people lists them", 404)
        return chosen

    async def conversations(self, request: Request) -> Response:
        """With `after=<revision>&wait=<seconds>`: as soon as something changed, at the latest then."""
        after, wait = number_of(request, "after", -1), number_of(request, "wait", 0)
        if self.store.revision <= after and wait > 0:
            await news(request, self.store.bell, "*", min(wait, 60.0))
        return answer(self.inbox_view())

    def inbox_view(self) -> Json:
        newest = sorted(self.store.state.conversations.values(), key=lambda item: item.last_activity_at, reverse=True)
        return {"revision": self.store.revision, "conversations": [self.views.conversation(item) for item in newest]}

    async def conversation(self, request: Request) -> Response:
        conversation = self._conversation(request)
        if request.method == "DELETE":
            self.store.drop_conversation(conversation.id)
            self.store.touch()
            return answer({})
        if request.method == "PATCH":
            self._act(conversation, msgspec.convert(await json_of(request), Act))
        return answer(self.conversation_view(conversation))

    def conversation_view(self, conversation: Conversation) -> Json:
        """Everything on the recruiter's screen: messages both ways, notes, activity, contact, labels."""
        contact = self.store.state.contacts[conversation.contact_id]
        return {
            **self.views.conversation(conversation),
            "revision": self.store.revision,
            "contact": self.views.contact(contact),
            "messages": [self.views.message(message) for message in self.store.messages_of(conversation.id)],
        }

    def _act(self, conversation: Conversation, act: Act) -> None:
        user, desk = self._user(act.user), self.desk
        if act.typing is not None:
            desk.typing(conversation, user, on=act.typing, private=act.typing_private)
        if act.seen:
            conversation.agent_last_seen_at = desk.clock.now()
            self.store.touch()
        if act.assignee_id is not None:
            desk.assign(conversation, user, user_id=act.assignee_id)
        if act.assignee_bot_id is not None:
            desk.assign(conversation, user, bot_id=act.assignee_bot_id)
        if act.team_id is not None:
            desk.change(conversation, user, team_id=act.team_id or None)
        if act.labels is not None:
            desk.set_labels(conversation, act.labels, user)
        if act.custom_attributes is not None:
            desk.change(conversation, user, custom_attributes=act.custom_attributes)
        if act.priority is not None:
            desk.set_priority(conversation, act.priority, user)
        if act.status is not None:
            desk.set_status(conversation, act.status, user, act.snoozed_until)

    async def write(self, request: Request) -> Response:
        conversation = self._conversation(request)
        write = msgspec.convert(await json_of(request), Write)
        message = self.desk.post(conversation, self._new_message(conversation, write))
        return answer(self.views.message(message), 201)

    def _new_message(self, conversation: Conversation, write: Write) -> NewMessage:
        new = NewMessage(content=write.content, private=write.private)
        new.content_attributes = dict(write.content_attributes)
        if write.in_reply_to:
            new.content_attributes["in_reply_to"] = write.in_reply_to
        if write.template_params:
            new.additional_attributes = {"template_params": write.template_params}
        new.uploads = [_upload(item) for item in write.attachments]
        match write.author:
            case "captain":
                new.sender_type, new.sender_id = "Captain::Assistant", 1
            case "contact":
                new.message_type = "incoming"
                new.sender_type, new.sender_id = "Contact", conversation.contact_id
            case "automation":
                new.content_attributes["automation_rule_id"] = 1
            case "csat":
                new.message_type, new.content_type = "template", "input_csat"
            case number:
                new.sender_type, new.sender_id = "User", self._user(number).id
        return new

    def _message(self, request: Request) -> Message:
        message = self.store.state.messages.get(request.path_params["message_id"])
        if message is None or message.conversation_id != self._conversation(request).id:
            raise ControlError("no such message in this conversation", 404)
        return message

    async def retry(self, request: Request) -> Response:
        message = self._message(request)
        self.desk.messages.retry(message)
        return answer(self.views.message(message))

    async def automation(self, request: Request) -> Response:
        """A rule or macro posts the conversation to the inbox's URL: `event`, by default macro.executed."""
        name = str((await object_of(request)).get("event", "macro.executed"))
        self.desk.events.automation(self._conversation(request), name)
        return answer({"event": name}, 202)

    async def message(self, request: Request) -> Response:
        message = self._message(request)
        if request.method == "DELETE":
            self.desk.messages.delete(message)
        return answer(self.views.message(message))

    async def contacts(self, _: Request) -> Response:
        return answer([self.views.contact(contact) for contact in self.store.state.contacts.values()])

    async def people(self, _: Request) -> Response:
        """With their API tokens: whoever reaches this port may act as anybody."""
        return answer({"users": list(self.store.state.users.values()), "bots": list(self.store.state.bots.values())})

    async def stream(self, _: Request) -> Response:
        """Server-sent events: `inbox` with the list of conversations at each change, a comment every 15 s."""
        return StreamingResponse(
            events(lambda: self.store.revision, self.inbox_view, self.store.bell.wait),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    async def redirect(self, request: Request) -> Response:
        """To short-lived storage; 404 while the upload still lags behind the event."""
        key = request.path_params["key"]
        found = [a for m in self.store.state.messages.values() for a in m.attachments if a.key == key]
        now = self.desk.clock.now()
        if not found or found[0].ready_at > now:
            return Response(status_code=404)
        ticket = f"{int(now) + LINK_SECONDS}-{secrets.token_hex(4)}"
        filename = request.path_params["filename"]
        storage = f"{self.views.payloads.base_url}/rails/active_storage/disk"
        return RedirectResponse(f"{storage}/{ticket}/{key}/{filename}", 302)

    async def file(self, request: Request) -> Response:
        content = self.store.blobs.get(request.path_params["key"])
        expires = request.path_params["ticket"].partition("-")[0]
        if content is None or not expires.isdigit() or int(expires) < self.desk.clock.now():
            return Response(status_code=404)
        found = (a for m in self.store.state.messages.values() for a in m.attachments)
        kind = next((a.content_type for a in found if a.key == request.path_params["key"]), None)
        return Response(content, media_type=kind)


async def events(revision: Callable[[], int], view: Callable[[], Json], wait: Any) -> AsyncIterator[bytes]:
    while True:
        shown = revision()
        yield b"event: inbox\ndata: " + orjson.dumps(view()) + b"\n\n"
        while revision() == shown:
            if not await wait("*", 15.0):
                yield b": still here\n\n"


def _upload(item: Attach) -> Upload:
    try:
        content = base64.b64decode(item.content_base64, validate=True)
    except binascii.Error:
        raise ControlError("content_base64 is not base64") from None
    return Upload(filename=item.filename, content_type=item.mime_type, content=content)
