"""360Dialog's webhook bodies, typed. Unknown keys are ignored, unknown message types kept as `unsupported`.

Shapes: Meta's webhook reference as forwarded by 360Dialog (BSUID fields are live since April 2026).
"""

import msgspec

# Fields of the platform that carry nothing for a conversation; anything else unknown is quarantined.
SILENT_FIELDS = frozenset(
    {
        "account_alerts", "account_review_update", "account_update", "automatic_events", "business_capability_update",
        "business_username_update", "calls", "flows", "group_lifecycle_update", "group_participants_update",
        "group_settings_update", "group_status_update", "history", "message_template_components_update",
        "message_template_quality_update", "message_template_status_update", "payment_configuration_update",
        "phone_number_name_update", "phone_number_quality_update", "security", "smb_app_state_sync",
        "template_category_update", "tracking_events", "user_preferences",
    }
)  # fmt: skip


class Metadata(msgspec.Struct):
    phone_number_id: str = ""
    display_phone_number: str = ""


class Profile(msgspec.Struct):
    name: str = ""
    username: str = ""


class Contact(msgspec.Struct):
    wa_id: str = ""
    user_id: str = ""
    parent_user_id: str = ""
    profile: Profile | None = None


class Body(msgspec.Struct):
    body: str = ""


class MediaObject(msgspec.Struct):
    id: str = ""
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""
    caption: str = ""
    voice: bool = False


class LocationObject(msgspec.Struct):
    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None


class CardName(msgspec.Struct):
    formatted_name: str = ""


class CardPhone(msgspec.Struct):
    phone: str = ""
    wa_id: str = ""


class CardEmail(msgspec.Struct):
    email: str = ""


class Card(msgspec.Struct):
    name: CardName | None = None
    phones: list[CardPhone] = []
    emails: list[CardEmail] = []


class Tap(msgspec.Struct):
    id: str = ""
    title: str = ""


class Flow(msgspec.Struct):
    response_json: str = ""
    body: str = ""


class Interactive(msgspec.Struct):
    type: str = ""
    button_reply: Tap | None = None
    list_reply: Tap | None = None
    nfm_reply: Flow | None = None


class TemplateButton(msgspec.Struct):
    payload: str = ""
    text: str = ""


class Reaction(msgspec.Struct):
    message_id: str = ""
    emoji: str = ""


class Edited(msgspec.Struct):
    type: str = ""
    text: Body | None = None


class Edit(msgspec.Struct):
    original_message_id: str = ""
    message: Edited | None = None


class Revoke(msgspec.Struct):
    original_message_id: str = ""


class System(msgspec.Struct):
    type: str = ""
    body: str = ""
    wa_id: str = ""
    new_wa_id: str = ""
    user_id: str = ""
    previous_user_id: str = ""


class Context(msgspec.Struct):
    id: str = ""
    forwarded: bool = False
    frequently_forwarded: bool = False


class Referral(msgspec.Struct):
    source_id: str = ""
    source_url: str = ""
    headline: str = ""


class Message(msgspec.Struct, rename={"from_": "from"}):
    id: str
    timestamp: str | int | float
    type: str = ""
    from_: str = ""
    from_user_id: str = ""
    from_parent_user_id: str = ""
    text: Body | None = None
    image: MediaObject | None = None
    video: MediaObject | None = None
    audio: MediaObject | None = None
    voice: MediaObject | None = None
    document: MediaObject | None = None
    sticker: MediaObject | None = None
    location: LocationObject | None = None
    contacts: list[Card] = []
    interactive: Interactive | None = None
    button: TemplateButton | None = None
    reaction: Reaction | None = None
    edit: Edit | None = None
    revoke: Revoke | None = None
    system: System | None = None
    context: Context | None = None
    referral: Referral | None = None


class Echo(Message):
    """What a person wrote in the WhatsApp Business app: `from` is our own number."""

    to: str = ""
    to_user_id: str = ""


class ErrorObject(msgspec.Struct):
    code: int = 0
    title: str = ""


class Status(msgspec.Struct):
    id: str
    status: str
    timestamp: str | int | float
    recipient_id: str = ""
    recipient_user_id: str = ""
    biz_opaque_callback_data: str = ""
    errors: list[ErrorObject] = []


class UserIdPair(msgspec.Struct):
    previous: str = ""
    current: str = ""


class UserIdUpdate(msgspec.Struct):
    wa_id: str = ""
    timestamp: str | int | float = 0
    user_id: UserIdPair | None = None
    parent_user_id: UserIdPair | None = None


class Value(msgspec.Struct):
    """Lists stay raw when one item is malformed, so that its neighbours survive."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    contacts: list[Contact] = []
    messages: list[Message] = []
    message_echoes: list[Echo] = []
    statuses: list[Status] = []
    user_id_update: list[UserIdUpdate] = []


class Change(msgspec.Struct):
    field: str = ""
    value: Value = msgspec.field(default_factory=Value)


class Entry(msgspec.Struct):
    id: str = ""
    changes: list[Change] = []


class Envelope(msgspec.Struct):
    object: str = ""
    entry: list[Entry] = []


class RawValue(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    contacts: msgspec.Raw = msgspec.Raw(b"[]")
    messages: msgspec.Raw = msgspec.Raw(b"[]")
    message_echoes: msgspec.Raw = msgspec.Raw(b"[]")
    statuses: msgspec.Raw = msgspec.Raw(b"[]")
    user_id_update: msgspec.Raw = msgspec.Raw(b"[]")


class RawChange(msgspec.Struct):
    field: str = ""
    value: msgspec.Raw = msgspec.Raw(b"{}")
