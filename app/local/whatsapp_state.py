"""What the WhatsApp twin remembers: phones, messages, media, templates, the registered webhook."""

import base64
import hashlib
import secrets
from typing import Any

import msgspec

from app.local.twin_clock import Bell
from app.local.twin_snapshot import SnapshotFile

WINDOW_SECONDS = 24 * 3600
INBOUND_MEDIA_SECONDS = 7 * 24 * 3600  # ids from webhooks live 7 days
UPLOADED_MEDIA_SECONDS = 30 * 24 * 3600  # … uploaded ones 30


class Option(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A button or list row as the phone shows it."""

    id: str
    title: str
    description: str = ""
    section: str = ""
    kind: str = "reply"  # reply | row | quick_reply | url | location | contact_info | flow
    url: str = ""


class Attached(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file in a message; `link` when the business sent a URL instead of a media id."""

    media_id: str = ""
    link: str = ""
    mime_type: str = ""
    filename: str = ""


class PhoneMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One message of a chat. `mine` = written by the candidate. `status` of a business message:
    accepted → sent → delivered → read (→ played) or failed; of a candidate's: sent → delivered → read."""

    id: str
    candidate: str
    mine: bool
    type: str
    at: float
    text: str = ""
    header: str = ""
    footer: str = ""
    options: list[Option] = []
    list_button: str = ""
    file: Attached | None = None
    reply_to: str = ""
    status: str = "sent"
    shown_at: float = 0.0  # when the phone got it; 0 = not yet
    opaque: str = ""
    category: str = "service"
    sent_to: str = ""  # the `to` or `recipient` that the business used
    by_user_id: bool = False
    error: dict[str, Any] = {}
    reactions: dict[str, str] = {}
    edited: bool = False
    revoked: bool = False
    tapped: str = ""


class Candidate(msgspec.Struct, kw_only=True):
    """A person with a phone. With `phone_visible` false (a username is set) webhooks carry the BSUID only."""

    id: str
    wa_id: str = ""
    bsuid: str = ""
    parent_bsuid: str = ""
    name: str = ""
    username: str = ""
    phone_visible: bool = True
    online: bool = True
    reads: bool = True
    marketing_opt_out: bool = False
    window_until: float = 0.0
    typing_at: float = 0.0
    typing_until: float = 0.0
    revision: int = 0
    past_ids: list[str] = []

    def known_as(self, recipient: str) -> bool:
        return bool(recipient) and recipient in {self.wa_id, self.bsuid, self.parent_bsuid}


class StoredMedia(msgspec.Struct, kw_only=True):
    """`expires_at` in Unix seconds; the bytes lie in `State.blobs`."""

    id: str
    mime_type: str
    filename: str
    sha256: str
    size: int
    expires_at: float


class WebhookTarget(msgspec.Struct, kw_only=True):
    """Where updates go; `headers` are sent along on each post."""

    url: str = ""
    headers: dict[str, str] = {}


class Template(msgspec.Struct, kw_only=True):
    """A message template in Meta's own terms; `components` as the Graph API lists them."""

    name: str
    language: str
    category: str = "UTILITY"
    status: str = "APPROVED"
    components: list[dict[str, Any]] = []


class PendingUpdate(msgspec.Struct, kw_only=True):
    """A webhook body that was not accepted before the house closed; sent again at the next start."""

    label: str
    body: str


class State(msgspec.Struct, kw_only=True):
    """Everything that survives a restart of the house."""

    candidates: dict[str, Candidate] = {}
    messages: dict[str, PhoneMessage] = {}
    chats: dict[str, list[str]] = {}
    media: dict[str, StoredMedia] = {}
    templates: list[Template] = []
    number_webhook: WebhookTarget = msgspec.field(default_factory=WebhookTarget)
    waba_webhook: WebhookTarget = msgspec.field(default_factory=WebhookTarget)
    pending: list[PendingUpdate] = []


class Store:
    """The state with its look-ups. Raises LocalServerError when the snapshot is damaged."""

    def __init__(self, snapshot: SnapshotFile) -> None:
        self._snapshot = snapshot
        self.bell = Bell()
        self.blobs = snapshot.read_blobs()
        self.dirty = False
        self._aliases: dict[str, str] = {}
        self.state = snapshot.read(State) or State()
        for candidate in self.state.candidates.values():
            self.index(candidate)

    def save(self) -> None:
        self._snapshot.write(self.state)
        self.dirty = False

    def index(self, candidate: Candidate) -> None:
        for alias in (candidate.wa_id, candidate.bsuid, candidate.parent_bsuid):
            if alias:
                self._aliases[alias] = candidate.id

    def forget_alias(self, alias: str) -> None:
        self._aliases.pop(alias, None)

    def by_alias(self, recipient: str) -> Candidate | None:
        """The candidate with this phone number (digits) or BSUID."""
        return self.state.candidates.get(self._aliases.get(recipient, ""))

    def chat(self, candidate_id: str) -> list[PhoneMessage]:
        """All messages both ways in the order in which the twin learnt of them."""
        return [self.state.messages[wamid] for wamid in self.state.chats.get(candidate_id, [])]

    def add(self, message: PhoneMessage) -> None:
        self.state.messages[message.id] = message
        self.state.chats.setdefault(message.candidate, []).append(message.id)
        self.touch(message.candidate)

    def touch(self, candidate_id: str) -> None:
        """Something on this phone changed: watchers wake, the snapshot is due."""
        candidate = self.state.candidates.get(candidate_id)
        if candidate is not None:
            candidate.revision += 1
        self.dirty = True
        self.bell.ring(candidate_id)
        self.bell.ring("*")

    def keep_media(self, content: bytes, *, mime_type: str, filename: str, expires_at: float) -> StoredMedia:
        digest = hashlib.sha256(content).digest()
        media = StoredMedia(
            id=str(secrets.randbelow(9 * 10**14) + 10**14),
            mime_type=mime_type,
            filename=filename,
            sha256=base64.b64encode(digest).decode(),
            size=len(content),
            expires_at=expires_at,
        )
        self.state.media[media.id] = media
        self.blobs[media.id] = content
        self.dirty = True
        self._snapshot.write_blob(media.id, content)
        return media

    def drop_media(self, media_id: str) -> None:
        self.state.media.pop(media_id, None)
        self.blobs.pop(media_id, None)
        self._snapshot.drop_blob(media_id)
        self.dirty = True


def new_wamid(wa_id: str) -> str:
    """Like WhatsApp's: base64 of bytes that hold the phone number, hence personal data."""
    number = wa_id.encode()
    raw = b"\x1d\x06\x01\x18" + bytes([len(number)]) + number + b"\x15\x02\x00\x11\x18\x12" + secrets.token_bytes(10)
    return "wamid." + base64.b64encode(raw.hex().encode() if not number else raw).decode()


def new_bsuid(country: str = "NL") -> str:
    """`CC.` and up to 128 alphanumerics."""
    return f"{country}.{secrets.randbelow(9 * 10**15) + 10**15}"
