"""The stages of the intake: what each does with what the candidate said."""

from collections.abc import Callable

from app.recruiting.conflicts import CONFLICT, conflicts_of
from app.recruiting.consent import Purpose, granted
from app.recruiting.draft import Draft
from app.recruiting.intake import Asked
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.profile import LANGUAGE_LEVELS_ASKED, LEVELS, Fact, Field, fields_of, kind, part, shown_fields
from app.recruiting.volunteered import VALUES as VOLUNTEERED

CLARIFICATIONS = 2  # failed ones of one question before a person helps (product, handoff triggers)
WORTH_WRITING = frozenset({"voice", "audio", "document", "image"})  # kinds that hold an answer
SMALL_TALK = (Intent.THANKS, Intent.GREETING, Intent.START)
GREETING_WORDS = 3  # longer first messages hold something that waits for consent
QUIET_REMARK = 3600.0  # seconds before "you are all set" is said again
CHOICES: dict[str, str] = {Field.AVAILABILITY: "availability", Field.LICENCES: "licences"}


def _new(draft: Draft) -> None:
    if granted(draft.at.consents, Purpose.INTAKE):
        draft.intake.stage = "profile"
        draft.keep(draft.at.found)
        _next(draft)
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
        _next(draft)
    elif not draft.moves_on or intake.asked is None:
        draft.ask("consent", "consent", choices="consent")
    elif intake.asked.attempts >= CLARIFICATIONS:
        _misunderstood(draft)
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
    draft.take_back()
    found = _probe_open_role(draft)
    before = list(draft.decision.profile)
    new = draft.keep(found)
    asked = draft.intake.asked
    if conflicts := conflicts_of(draft, before, new):
        draft.ask("review_unclear", CONFLICT, choices="review", fields=conflicts)
    elif asked is not None and asked.field == CONFLICT:
        _settle_conflict(draft, new)
    elif asked is None or _answered(draft, asked, new):
        _note(draft, new)
        draft.intake.changing = ""
        _next(draft)
    elif new:
        _note(draft, new)
        _repeat(draft, asked)
    else:
        _unanswered(draft, asked)


def _settle_conflict(draft: Draft, new: list[Fact]) -> None:
    """Asked once: whoever does not say that it is wrong goes on, and the read-back at the end shows it again."""
    if not new and draft.at.has(Intent.CHANGE, Intent.NO):
        draft.intake.stage = "change"
        draft.ask("change_which", "change", choices="change")
    else:
        _note(draft, new)
        _next(draft)


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
    return any(kind(fact.field) == asked.field for fact in [*stated, *new])


def _unanswered(draft: Draft, asked: Asked) -> None:
    """Skip, probe once, clarify twice, then a person helps. Side questions and small talk cost no attempt."""
    at = draft.at
    level = asked.field.startswith("level.")
    if at.has(Intent.SKIP) or (level and (at.has(Intent.UNSURE) or at.tapped(asked.field) or asked.attempts >= 1)):
        draft.intake.skipped.append(asked.field)
        draft.intake.changing = ""
        _next(draft)
    elif (tap := at.tapped(asked.field)) is not None and tap.choice_id.endswith(":other"):
        draft.ask(f"other_{asked.field}", asked.field, attempts=asked.attempts, probed=True)
    elif asked.field in at.vague and not asked.probed:
        draft.ask(
            f"probe_{asked.field}",
            asked.field,
            choices=CHOICES.get(asked.field, ""),
            attempts=asked.attempts,
            probed=True,
        )
    elif at.unread and not at.said and asked.attempts < CLARIFICATIONS:
        # A voice message may hold the answer and counts; after a sticker the question simply stands.
        _repeat(draft, asked, failed=bool(WORTH_WRITING & set(at.unread)))
    elif (not draft.moves_on and not at.unread) or draft.returning or at.has(*SMALL_TALK):
        _repeat(draft, asked)
    elif asked.attempts >= CLARIFICATIONS:
        _misunderstood(draft)
    else:
        key = "again_level" if level else f"again_{asked.field}"
        draft.ask(
            key,
            asked.field,
            choices=_choices(asked.field),
            attempts=asked.attempts + 1,
            probed=asked.probed,
            params=_level_params(asked.field),
        )


def _choices(field: str) -> str:
    return field if field.startswith("level.") else CHOICES.get(field, "")


def _level_params(field: str) -> dict[str, str]:
    return {"language_code": part(field)} if field.startswith("level.") else {}


def _repeat(draft: Draft, asked: Asked, *, failed: bool = False) -> None:
    """The same question again; `failed` counts an attempt."""
    draft.ask(
        "ask_level" if asked.field.startswith("level.") else f"ask_{asked.field}",
        asked.field,
        choices=_choices(asked.field),
        attempts=asked.attempts + failed,
        probed=asked.probed,
        params=_level_params(asked.field),
    )


def _misunderstood(draft: Draft) -> None:
    field = draft.intake.asked.field if draft.intake.asked else "start"
    draft.hand_over("misunderstanding", "queue", f"Two clarifications of the question about {field} did not help.")


def _note(draft: Draft, new: list[Fact]) -> None:
    """Show that it was heard: several facts, a computed day, or what nobody asked for; a name alone with thanks."""
    fields = fields_of(new)
    if fields == [Field.NAME]:
        draft.say("thank_name", fields=[Field.NAME])
    elif len(fields) > 1 or set(fields) & {Field.AVAILABILITY, *VOLUNTEERED}:
        draft.say("noted", fields=fields)


def _next(draft: Draft) -> None:
    """The first thing still missing, else the read-back."""
    draft.intake.stage = "profile"
    draft.pitch()
    known = {kind(fact.field) for fact in draft.decision.profile}
    for field in Field:
        if field not in known and field not in draft.intake.skipped:
            draft.ask(f"ask_{field.value}", field.value, choices=CHOICES.get(field.value, ""))
            return
        if field is Field.LANGUAGES and (code := _level_to_ask(draft)):
            draft.ask("ask_level", f"level.{code}", choices=f"level.{code}", params={"language_code": code})
            return
    _review(draft)


def _level_to_ask(draft: Draft) -> str:
    levels = {part(fact.field) for fact in draft.decision.profile if kind(fact.field) == LEVELS}
    spoken = [part(fact.field) for fact in draft.decision.profile if kind(fact.field) == Field.LANGUAGES]
    skipped = {part(field) for field in draft.intake.skipped if field.startswith("level.")}
    open_ = [code for code in spoken[:LANGUAGE_LEVELS_ASKED] if code not in levels | skipped]
    return open_[0] if open_ else ""


def _review(draft: Draft, key: str = "review", attempts: int = 0) -> None:
    draft.intake.stage = "review"
    draft.decision.lines = [line for line in draft.decision.lines if line.key not in {"noted", "thank_name"}]
    draft.ask(key, "review", choices="review", fields=shown_fields(draft.decision.profile), attempts=attempts)


def _reviewing(draft: Draft) -> None:
    at, asked = draft.at, draft.intake.asked
    if draft.only_unread:
        return
    draft.take_back()
    new = draft.keep(at.found)
    if new or len(draft.decision.profile) < len(at.facts):
        _next(draft)
    elif at.has(Intent.YES):
        _finish(draft)
    elif at.has(Intent.CHANGE, Intent.NO):
        draft.intake.stage = "change"
        draft.ask("change_which", "change", choices="change")
    elif not draft.moves_on and not at.unread:
        _review(draft)
    elif asked is not None and asked.attempts >= CLARIFICATIONS:
        _misunderstood(draft)
    else:
        _review(draft, "review_unclear", attempts=(asked.attempts if asked else 0) + 1)


def _change(draft: Draft) -> None:
    at, asked = draft.at, draft.intake.asked
    tap = at.tapped("change")
    if draft.only_unread:
        return
    if tap is not None and (field := tap.choice_id.rpartition(":")[2]) in set(Field):
        draft.intake.stage = "profile"
        draft.intake.changing = field
        draft.ask(f"ask_{field}", field, choices=CHOICES.get(field, ""))
    elif draft.keep(at.found):
        _next(draft)
    elif at.has(Intent.YES):
        _finish(draft)
    elif asked is not None and asked.attempts >= CLARIFICATIONS:
        _misunderstood(draft)
    else:
        draft.ask("change_which", "change", choices="change", attempts=(asked.attempts if asked else 0) + 1)


def _finish(draft: Draft) -> None:
    """Read back and confirmed: every fact is marked so, and a recruiter is told."""
    draft.intake.stage = "done"
    draft.intake.asked = None
    draft.confirm()
    draft.intake.told = [*(told for told in draft.intake.told if told != "done"), "done"]
    draft.decision.remarks.append("The candidate confirmed the profile. Next step: a recruiter.")
    draft.say("done")


def _done(draft: Draft) -> None:
    at = draft.at
    draft.take_back()
    new = draft.keep(at.found)
    pitched = draft.pitch()
    if new or pitched:
        draft.say("updated", fields=fields_of(new)) if new else draft.say("done_already")
        return
    small = at.has(Intent.THANKS, Intent.YES, Intent.GREETING) and "done" in draft.intake.told
    recent = at.now - at.intake.last_at < QUIET_REMARK and "done" in draft.intake.told
    if at.said and not draft.decision.lines and not small and not recent:
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
    elif asked is None or asked.field in {"review", "change", "open", "consent", CONFLICT}:
        _next(draft)
    else:
        _repeat(draft, asked)


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
    """Let the conversation's stage act; an unknown one (an older version's) begins anew."""
    STAGES.get(draft.intake.stage, _new)(draft)
