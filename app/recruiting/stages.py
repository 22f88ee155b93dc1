"""The stages of the intake: what each does with what the candidate said."""

from collections.abc import Callable

from app.recruiting.amendments import CHECK, amend, vague_aside, vague_change
from app.recruiting.answers.closed import asks_alone
from app.recruiting.answers.reading import CHOICE_PREFIX
from app.recruiting.conflicts import CONFLICT, conflicts_of
from app.recruiting.consent import Purpose, granted
from app.recruiting.draft import LIST_FIELDS, Draft
from app.recruiting.intake import Asked
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.must_haves import asked_in, is_answered, next_question
from app.recruiting.profile import LEVELS, Fact, Field, fields_of, kind, part
from app.recruiting.questions import (
    CLARIFICATIONS,
    ask_next,
    clarify,
    leave_open,
    leave_vague,
    look_at_must_haves,
    missing,
    misunderstood,
    note,
    probe,
    put,
    read_back,
    repeat,
    skip,
    which_change,
)
from app.recruiting.revisions import fields_named
from app.recruiting.said import Said

WORTH_WRITING = frozenset({"voice", "audio", "document", "image"})  # kinds that hold an answer
SMALL_TALK = (Intent.THANKS, Intent.GREETING, Intent.START)
GREETING_WORDS = 3  # longer first messages hold something that waits for consent
QUIET_REMARK = 3600.0  # seconds before "you are all set" is said again


def _new(draft: Draft) -> None:
    if granted(draft.at.consents, Purpose.INTAKE):
        draft.intake.stage = "profile"
        draft.keep(draft.at.found)
        ask_next(draft)
        return
    draft.intake.stage = "open"
    if any(len(said.text.split()) > GREETING_WORDS for said in draft.at.said):
        draft.say("open")
        draft.ask("read_later", "open", choices="open")
    else:
        draft.ask("open", "open", choices="open")


def _open(draft: Draft) -> None:
    at = draft.at
    tapped = at.tapped("open")
    if draft.only_unread:
        return
    if tapped is not None and tapped.choice_id.endswith(":questions"):
        draft.ask("about", "open", choices="open_again")
    elif at.has(Intent.NO) and not tapped:
        _decline(draft, None)
    elif tapped is not None or draft.moves_on:
        draft.intake.stage = "consent"
        draft.ask("consent", "consent", choices="consent")
    else:
        draft.ask("start_when_ready", "open", choices="open")


def _consent(draft: Draft) -> None:
    at, intake = draft.at, draft.intake
    if draft.only_unread:
        return
    if at.has(Intent.NO):
        _decline(draft, at.noticed_in(Intent.NO))
    elif (yes := _clear_yes(draft)) is not None:
        draft.record_consent(granted=True, message_id=yes.message_id)
        intake.stage = "profile"
        draft.decision.remarks.append("Consent to the intake over WhatsApp was given.")
        if new := draft.keep(at.found):
            draft.say("noted", fields=fields_of(new))
        ask_next(draft)
    elif not draft.moves_on or intake.asked is None:
        draft.ask("consent", "consent", choices="consent")
    elif intake.asked.attempts >= CLARIFICATIONS:
        misunderstood(draft)
    else:
        draft.ask("consent_unclear", "consent", choices="consent", attempts=intake.asked.attempts + 1)


def _clear_yes(draft: Draft) -> Noticed | None:
    """A yes whose message asks nothing: "ok, but what for?" is no consent."""
    asking = {noticed.message_id for noticed in draft.at.noticed if noticed.intent is Intent.QUESTION}
    yes = [n for n in draft.at.noticed if n.intent is Intent.YES and n.message_id not in asking]
    return yes[-1] if yes else None


def _decline(draft: Draft, refusal: Noticed | None) -> None:
    if refusal is not None:
        draft.record_consent(granted=False, message_id=refusal.message_id)
        draft.decision.remarks.append("Consent to the intake over WhatsApp was refused.")
    draft.intake.stage = "declined"
    draft.intake.asked = None
    draft.say("declined")


def _declined(draft: Draft) -> None:
    if draft.at.has(Intent.YES, Intent.START) or draft.at.tapped("open"):
        draft.intake.stage = "consent"
        draft.ask("consent", "consent", choices="consent")
    elif draft.at.said and not draft.at.has(Intent.THANKS, Intent.NO):
        draft.ask("declined_again", "open", choices="open")


def _profile(draft: Draft) -> None:
    if draft.only_unread:
        return
    found = _probe_open_role(draft)
    before = list(draft.decision.profile)
    new = draft.keep(found)
    asked = draft.intake.asked
    if asked is not None and asked.field in LIST_FIELDS and any(kind(fact.field) == asked.field for fact in new):
        draft.intake.told.append(f"whole:{asked.field}")
    if conflicts := conflicts_of(draft, before, new):
        draft.ask("review_unclear", CONFLICT, choices="review", fields=conflicts)
    elif asked is not None and asked.field in {CONFLICT, CHECK}:
        _settle_conflict(draft, new)
    elif asked is None or draft.unheard or draft.at.has(Intent.OTHER_WORK) or _answered(draft, asked, new):
        note(draft, new)
        draft.intake.changing = ""
        ask_next(draft)
    elif new:
        note(draft, new)
        repeat(draft, asked)
    else:
        _unanswered(draft, asked)


def _settle_conflict(draft: Draft, new: list[Fact]) -> None:
    """Asked once: whoever does not say that it is wrong goes on, and the read-back at the end shows it again."""
    if not new and draft.at.has(Intent.CHANGE, Intent.NO):
        which_change(draft)
    else:
        note(draft, new)
        ask_next(draft)


def _probe_open_role(draft: Draft) -> list[Fact]:
    """ "Anything" is taken as the answer only after one question what the person has done before."""
    asked = draft.intake.asked
    found = draft.at.found
    if asked is None or asked.field != Field.ROLE or asked.probed:
        return found
    vague = [fact for fact in found if fact.field == Field.ROLE and fact.value.get("open")]
    if vague:
        draft.at.vague.append(Field.ROLE)
    return [fact for fact in found if fact not in vague]


def _answered(draft: Draft, asked: Asked, new: list[Fact]) -> bool:
    stated = draft.at.found if draft.intake.changing else draft.decision.profile
    if asked.field.startswith("level."):
        return any(fact.field == f"{LEVELS}.{part(asked.field)}" for fact in [*stated, *new])
    if asked.field == draft.intake.changing:
        return any(kind(fact.field) == asked.field for fact in [*stated, *new])
    return is_answered(asked.field, [*stated, *new])


def _unanswered(draft: Draft, asked: Asked) -> None:
    """Skip, probe once, clarify twice, then a person helps. Side questions and small talk cost no attempt."""
    at = draft.at
    level, alone = asked.field.startswith("level."), _asked_for_vacancy(draft, asked)
    tapped = at.tapped(asked.field) is not None or (alone and at.has(Intent.NO))
    if at.has(Intent.SKIP) or ((level or alone) and (at.has(Intent.UNSURE) or tapped or asked.attempts >= 1)):
        leave_open(draft, asked.field) if alone else skip(draft, asked.field)
    elif (tap := at.tapped(asked.field)) is not None and tap.choice_id.endswith(":other"):
        put(draft, "other", asked.field, attempts=asked.attempts, probed=True)
    elif asked.field in at.vague and not asked.probed:
        probe(draft, asked.field, asked.attempts)
    elif asked.field in at.vague:
        leave_vague(draft, asked.field)
    elif at.unread and not at.said and asked.attempts < CLARIFICATIONS:
        # A voice message may hold the answer and counts; after a sticker the question simply stands.
        repeat(draft, asked, failed=bool(WORTH_WRITING & set(at.unread)))
    elif _costs_nothing(draft):
        repeat(draft, asked)
    else:
        clarify(draft, asked)


def _asked_for_vacancy(draft: Draft, asked: Asked) -> bool:
    """A must-have's own question: asked once, clarified once, and then a matter for people."""
    own = asks_alone(asked.field) or asked.field.startswith("level.")
    return own and asked.field != draft.intake.changing and asked.field in asked_in(draft.intake)


def _costs_nothing(draft: Draft) -> bool:
    """Nothing in the turn was meant as an answer; a yes to the list of what is known is none to the question either."""
    at = draft.at
    confirms = at.has(Intent.YES) and (at.intake.checking or at.tapped("review") is not None)
    return (
        (not draft.moves_on and not at.unread)
        or draft.returning
        or confirms
        or at.has(*SMALL_TALK)
        or (bool(at.said) and all(_late_tap(draft, said) for said in at.said))
    )


def _late_tap(draft: Draft, said: Said) -> bool:
    """A button of a must-have question that is not open any more."""
    return any(said.choice_id.startswith(f"{CHOICE_PREFIX}{question}:") for question in asked_in(draft.intake))


def _reviewing(draft: Draft) -> None:
    at, asked = draft.at, draft.intake.asked
    if draft.only_unread:
        return
    before = list(draft.decision.profile)
    new = draft.keep(at.found)
    conflicts_of(draft, before, new)
    if new or draft.decision.profile != before or draft.lost or draft.unheard:
        ask_next(draft)
    elif at.has(Intent.YES):
        _finish(draft)
    elif at.has(Intent.CHANGE, Intent.NO):
        which_change(draft)
    elif vague_change(draft):
        return
    elif not draft.moves_on and not at.unread:
        read_back(draft)
    elif asked is not None and asked.attempts >= CLARIFICATIONS:
        misunderstood(draft)
    else:
        read_back(draft, "review_unclear", attempts=(asked.attempts if asked else 0) + 1)


def _change(draft: Draft) -> None:
    at, asked = draft.at, draft.intake.asked
    if draft.only_unread:
        return
    before = list(draft.decision.profile)
    new = draft.keep(at.found)
    conflicts_of(draft, before, new)
    if field := _chosen(draft, new):
        draft.intake.stage = "profile"
        draft.intake.changing = field
        put(draft, "ask", field)
    elif new or draft.decision.profile != before:
        ask_next(draft)
    elif at.has(Intent.YES):
        _finish(draft)
    elif vague_change(draft):
        return
    elif asked is not None and asked.attempts >= CLARIFICATIONS:
        misunderstood(draft)
    else:
        which_change(draft, attempts=(asked.attempts if asked else 0) + 1)


def _chosen(draft: Draft, new: list[Fact]) -> str:
    """The field that the candidate taps or names; empty when they say the new value at once."""
    known = {*Field, *(kind(fact.field) for fact in draft.decision.profile)}
    if (tap := draft.at.tapped("change")) is not None:
        field = tap.choice_id.rpartition(":")[2]
        return field if field in known else ""
    if new:
        return ""
    named = [field for said in draft.at.said for field in fields_named(said.text, draft.at.language)]
    return next((field for field in named if field in known), "")


def _finish(draft: Draft) -> None:
    """Read back and confirmed: every fact is marked so, and a recruiter is told. What was lost since is asked first."""
    if missing(draft):
        ask_next(draft)
        return
    draft.intake.stage = "done"
    draft.intake.asked = None
    draft.confirm()
    draft.intake.told = [*(told for told in draft.intake.told if told != "done"), "done"]
    draft.decision.remarks.append("The candidate confirmed the profile. Next step: a recruiter.")
    draft.say("done")


def _done(draft: Draft) -> None:
    at = draft.at
    before = list(draft.decision.profile)
    new = draft.keep(at.found)
    conflicts_of(draft, before, new)
    pitched = draft.pitch()
    if pitched and draft.vacancy is not None and next_question(draft.vacancy, draft.decision.profile, draft.intake):
        note(draft, new)
        ask_next(draft)
        return
    look_at_must_haves(draft)
    if new or pitched:
        draft.say("updated", fields=fields_of(new)) if new else draft.say("done_already")
        return
    confirms = at.intake.checking and at.has(Intent.YES)
    small = at.has(Intent.THANKS, Intent.YES, Intent.GREETING) and "done" in draft.intake.told
    recent = at.now - at.intake.last_at < QUIET_REMARK and "done" in draft.intake.told
    quiet = draft.decision.lines or draft.decision.question or small or recent
    if at.said and (confirms or not quiet):
        draft.intake.told = [*(told for told in draft.intake.told if told != "done"), "done"]
        draft.say("done_already")


def resume(draft: Draft) -> None:
    """Take up the intake after START. STOP withdrew the consent, so it is asked for again."""
    asked, stage = draft.intake.asked, draft.intake.stage
    if not granted(draft.at.consents, Purpose.INTAKE):
        key = "open" if stage in {"new", "open"} else "consent"
        draft.intake.stage = key
        draft.ask(key, key, choices=key)
    elif stage == "done":
        draft.say("done_already")
    elif asked is None or asked.field in {"review", "change", "open", "consent", CONFLICT, CHECK}:
        ask_next(draft)
    else:
        repeat(draft, asked)


STAGES: dict[str, Callable[[Draft], None]] = {
    "new": _new,
    "open": _open,
    "consent": _consent,
    "declined": _declined,
    "profile": _profile,
    "review": _reviewing,
    "change": _change,
    "done": _done,
}


def run_stage(draft: Draft) -> None:
    """Let the conversation's stage act, unless an amendment settles the turn; an unknown stage begins anew."""
    vague_aside(draft)
    if not amend(draft):
        STAGES.get(draft.intake.stage, _new)(draft)
