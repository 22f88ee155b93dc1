"""The handoff packet (product §1e): all that a recruiter needs in order to go on where the assistant stopped."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.agents import turn_view
from app.agents.matching import for_vacancy
from app.agents.state import TurnInput
from app.recruiting import language_names
from app.recruiting.intake import Decision, Handoff
from app.recruiting.literal import literal
from app.recruiting.phrases import phrases
from app.recruiting.profile import Fact, Field, assemble, fields_of, kind, known_fields, part, shown_fields
from app.recruiting.readback import ALONE, items
from app.recruiting.volunteered import VALUES as VOLUNTEERED
from app.recruiting.window import expires_at

DESK_LANGUAGE = "en"
_QUOTES = 3  # last words of the candidate
_QUOTE_LENGTH = 200
# Handoffs in which a ready sentence would be out of place: a person has to find their own words.
_NO_SUGGESTION = frozenset({"danger", "minor", "delete"})


def packet(turn: TurnInput, language: str, decision: Decision, handoff: Handoff, zone: ZoneInfo) -> str:
    """Reason, five lines, what is new in the profile, open question, a reply to begin with, window, last words."""
    asked = decision.intake.asked
    question = _question(asked.field) if asked else "none"
    return "\n".join(
        [
            f"**Handoff: {handoff.reason}** ({handoff.urgency})",
            handoff.text,
            *_summary(turn, decision),
            *_news(turn, decision.profile),
            f"**Open question:** {question}",
            *_suggestion(language, handoff),
            f"**Language:** {language_names.display(language, DESK_LANGUAGE)}",
            f"**Reply window until:** {_window(turn, zone)}",
            *_quotes(turn),
            *map(literal, decision.remarks),
        ]
    )


def _question(field: str) -> str:
    """The open question in a recruiter's words: "Shifts: night"."""
    labels = phrases(DESK_LANGUAGE).labels
    if field in labels or kind(field) not in labels:
        return labels.get(field, field)
    return f"{labels[kind(field)]}: {labels.get(part(field), part(field))}"


def _summary(turn: TurnInput, decision: Decision) -> list[str]:
    """Five lines at most, from what the rules know."""
    known = assemble(decision.profile)
    shown = _told(decision.profile)
    labels = phrases(DESK_LANGUAGE).labels
    wish = [known.role and f"work as {literal(known.role)}", known.city and f"in {literal(known.city)}"]
    available = shown.get(labels[Field.AVAILABILITY])
    wants = " ".join(part for part in wish if part)
    both = (labels[Field.LANGUAGES], labels[Field.LICENCES])
    more = [label for label in (*both, *(labels[field] for field in VOLUNTEERED)) if label in shown]
    said = sum(line["author"] == "candidate" for line in turn["conversation"]["transcript"]) + len(turn["inbound"])
    found = known_fields(decision.profile)
    asked = [field for field in Field if not (field is Field.ROLE and for_vacancy(turn, decision))]
    missing = [labels[field] for field in asked if field not in found]
    return [
        "**What is known**",
        f"- {literal(known.name) if known.name else 'A candidate without a name so far'}"
        + (f" looks for {wants}" if wants else "")
        + (f", available {available}" if available else ""),
        *([f"- {'; '.join(f'{label}: {shown[label]}' for label in more)}"] if more else []),
        f"- Consent to the chat: {_consent(turn, decision)}",
        f"- Still unknown: {', '.join(missing) or 'nothing of the intake'}",
        f"- {said} messages of the candidate so far",
    ]


def _consent(turn: TurnInput, decision: Decision) -> str:
    given = [consent.granted for consent in decision.consents] or [
        bool(consent["granted"]) for consent in turn["conversation"]["consents"]
    ]
    return "not asked or not answered yet" if not given else "given" if given[-1] else "refused or withdrawn"


def _news(turn: TurnInput, profile: list[Fact]) -> list[str]:
    """What was told since a person last wrote here, and what this turn changed or took back."""
    seen, before, now = _told(turn_view.facts_a_person_knew(turn)), _told(turn_view.facts(turn)), _told(profile)
    lines = [
        f"- {label}: {value}" + (f" (was {before[label]})" if before.get(label, value) != value else "")
        for label, value in now.items()
        if seen.get(label) != value
    ]
    lines += [f"- {label}: removed (was {value})" for label, value in before.items() if label not in now]
    return ["**New in the profile**", *lines] if lines else ["**New in the profile:** nothing"]


def profile_lines(facts: list[Fact], *, for_vacancy: bool = False) -> list[tuple[str, str]]:
    """Label and value of each known field, in the desk's language; in Markdown, candidates' words letter for letter."""
    labels = phrases(DESK_LANGUAGE).labels
    fields = shown_fields(facts, for_vacancy=for_vacancy)
    shown = items(facts, fields, DESK_LANGUAGE, labels, room=ALONE) if facts else []
    return [(label, literal(value)) for label, value in shown]


def _told(facts: list[Fact]) -> dict[str, str]:
    """The same without what nobody has told."""
    labels = phrases(DESK_LANGUAGE).labels
    told = {labels[field] for field in fields_of(facts)}
    return {label: value for label, value in profile_lines(facts) if label in told}


def _suggestion(language: str, handoff: Handoff) -> list[str]:
    if handoff.reason in _NO_SUGGESTION:
        return []
    key = "reply_misunderstanding" if handoff.reason == "misunderstanding" else "reply"
    meaning = "" if language == DESK_LANGUAGE else f" ({phrases(DESK_LANGUAGE).desk[key]})"
    return [f"**Suggested reply:** {phrases(language).desk[key]}{meaning}"]


def _window(turn: TurnInput, zone: ZoneInfo) -> str:
    """WhatsApp's 24 hours, by the office's clock."""
    moments = [expires_at(float(each["sent_at"])) for each in turn["inbound"] if each.get("sent_at")]
    until = turn["conversation"]["window_expires_at"]
    if until:
        moments.append(datetime.fromisoformat(until).timestamp() if isinstance(until, str) else until)
    if not moments:
        return "unknown"
    moment = datetime.fromtimestamp(max(moments), UTC)
    return f"{moment.astimezone(zone):%a %d %b %H:%M} ({zone.key})"


def _quotes(turn: TurnInput) -> list[str]:
    earlier = [line["text"] for line in turn_view.lines(turn) if line["author"] == "candidate"]
    said = [" ".join(text.split()) for text in [*earlier, *(each.text for each in turn_view.inbound(turn))]]
    return [f"> {literal(text[:_QUOTE_LENGTH])}" for text in said if text][-_QUOTES:]
