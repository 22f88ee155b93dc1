"""What recruiters need in Chatwoot to see and filter what the service writes there.

Plain data, so that the command line starts without the rules; a test compares it with them.
"""

from typing import Any, Final, NamedTuple

INBOX_NAME: Final = "WhatsApp recruitment"
# One conversation per candidate; greetings and surveys are off, because they
# would come back; assignment is the recruiters' business.
INBOX_SETTINGS: Final[dict[str, bool]] = {
    "lock_to_single_conversation": True,
    "greeting_enabled": False,
    "csat_survey_enabled": False,
    "enable_auto_assignment": False,
}

# Without webhook URL: the inbox counts as having a bot (its conversations begin, and come back, as `pending`), yet
# nothing is delivered twice, and no slow answer of ours makes Chatwoot open conversations.
BOT: Final = {
    "name": "Recruitment assistant",
    "description": "Signs what the assistant writes. Leave its webhook URL empty.",
    "outgoing_url": "",
}

TEAM: Final[dict[str, Any]] = {
    "name": "recruitment",  # Chatwoot keeps team names in lower case
    "description": "Is given what the assistant hands over. Add the recruiters.",
    "allow_auto_assign": False,
}

STAGES: Final = {
    "new": "First message, nothing asked yet",
    "open": "Asked whether they look for work",
    "consent": "Asked for consent",
    "declined": "No consent given",
    "profile": "Answering the questions",
    "review": "Checking what was noted",
    "change": "Correcting what was noted",
    "done": "Intake complete",
    "handoff": "Handed over to a person",
    "stopped": "Wrote STOP: must not be written to",
}
LANGUAGES: Final = {
    "en": "English",
    "nl": "Dutch",
    "de": "German",
    "pl": "Polish",
    "es": "Spanish",
    "ro": "Romanian",
    "uk": "Ukrainian",
    "ar": "Arabic",
}
HANDOFFS: Final = {
    "danger": "Possible danger or exploitation: read at once",
    "minor": "May be under 18",
    "delete": "Asks for deletion of their data",
    "human": "Asks for a person",
    "complaint": "Complaint, legal or discrimination topic",
    "abuse": "Angry",
    "adjustment": "Asks about an adjustment",
    "injection": "Several messages tried to instruct the assistant",
    "misunderstanding": "Two clarifications did not help",
    "technical": "A fault of ours: the assistant could not go on",
}

REVIEWS: Final = {
    "review-must-have": "A must-have is not met: a person decides",
    "review-contradiction": "CV and chat, or two messages, say otherwise",
    "fast-lane": "All must-haves, and the points of the vacancy's own rule: answer first",
}


class Label(NamedTuple):
    """A label of conversations."""

    title: str
    description: str
    color: str
    show_on_sidebar: bool


LABELS: Final = [
    *(Label(f"stage-{stage}", text, "#1f93ff", show_on_sidebar=True) for stage, text in STAGES.items()),
    *(Label(f"handoff-{reason}", text, "#e5484d", show_on_sidebar=True) for reason, text in HANDOFFS.items()),
    *(Label(title, text, "#f5a623", show_on_sidebar=True) for title, text in REVIEWS.items()),
    # Many, and nobody works through them one by one.
    *(Label(f"lang-{code}", f"Writes {name}", "#8b8d98", show_on_sidebar=False) for code, name in LANGUAGES.items()),
]


def vacancy_label(code: str, title: str) -> Label:
    """The label of a vacancy's conversations; made when the vacancy is loaded."""
    return Label(f"vacancy-{code.lower()}", title, "#30a46c", show_on_sidebar=True)


def labels_with(return_label: str, handoff_label: str) -> list[Label]:
    """All labels, with those that the settings name."""
    return [
        *LABELS,
        Label(handoff_label, "Handed over by the assistant: a person answers", "#e5484d", show_on_sidebar=True),
        Label(return_label, "Give this conversation back to the assistant", "#30a46c", show_on_sidebar=False),
    ]


CONTACT: Final = "contact_attribute"
CONVERSATION: Final = "conversation_attribute"
MODELS: Final = (CONVERSATION, CONTACT)  # by the numbers that older servers show


class Attribute(NamedTuple):
    """A custom attribute as Chatwoot defines it; without a definition it is kept, but not shown."""

    model: str
    key: str
    name: str
    kind: str
    description: str


ATTRIBUTES: Final = [
    Attribute(CONTACT, "intake_stage", "Intake stage", "text", "How far the intake is"),
    Attribute(CONTACT, "language", "Language", "text", "Language the candidate writes"),
    Attribute(CONTACT, "candidate_name", "Name given", "text", "The name that the candidate gave in the chat"),
    Attribute(CONTACT, "town", "Town", "text", "Where the candidate lives, in their own words"),
    Attribute(CONTACT, "role", "Wanted work", "text", "In the candidate's own words"),
    Attribute(CONTACT, "available_from", "Available from", "date", "First day the candidate can work"),
    Attribute(CONTACT, "languages", "Languages", "text", "Languages with levels, as the candidate says"),
    Attribute(CONTACT, "licences", "Licences", "text", "Driving licences and certificates"),
    Attribute(CONTACT, "phone_given", "Phone given", "text", "A number that the candidate gave in the chat or CV"),
    Attribute(CONTACT, "email_given", "E-mail given", "text", "An address that the candidate gave in the chat or CV"),
    Attribute(CONTACT, "right_to_work", "Right to work", "text", "As the candidate says; no document was seen"),
    Attribute(CONTACT, "hours", "Hours a week", "text", "Wished for"),
    Attribute(CONTACT, "shifts", "Shifts", "text", "Possible and not possible"),
    Attribute(CONTACT, "contract_preference", "Contract", "text", "Kinds wished for"),
    Attribute(CONTACT, "work_mode", "Place of work", "text", "On site, hybrid or from home"),
    Attribute(CONTACT, "salary_expectation", "Pay wished for", "text", "Never what the candidate earns or earned"),
    Attribute(CONTACT, "notice_period", "Notice", "text", "That the candidate must give"),
    Attribute(CONTACT, "travel", "Travel", "text", "Own transport, ways and longest time to work"),
    Attribute(CONTACT, "experience", "Experience", "text", "Jobs as the candidate or CV names them"),
    Attribute(CONTACT, "education", "Education", "text", "As the candidate or CV names it"),
    Attribute(CONTACT, "skills", "Skills", "text", "In the candidate's own words"),
    Attribute(CONTACT, "certificates", "Certificates", "text", "Papers that are no licence"),
    Attribute(CONTACT, "references_available", "References", "text", "Whether former employers can be asked"),
    Attribute(CONVERSATION, "vacancy", "Vacancy", "text", "Vacancy that the conversation is about"),
    Attribute(CONVERSATION, "interview", "Interview", "text", "Next interview that is booked, by the clock there"),
    Attribute(CONTACT, "reply_window_until", "Reply window until", "text", "After this hour only templates are sent"),
]
