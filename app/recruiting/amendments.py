"""What the policy does when a candidate takes a message back, removes a fact or wants one changed, at any stage."""

from app.recruiting.answers.closed import asked_for, is_closed, path_of
from app.recruiting.conflicts import CONFLICT, conflicts_of
from app.recruiting.consent import Purpose, granted
from app.recruiting.draft import Draft
from app.recruiting.interrupts import Intent, Noticed
from app.recruiting.must_haves import asked_in
from app.recruiting.profile import LEVELS, Fact, Field, fields_of, kind, part
from app.recruiting.questions import ask_next, note, probe, put, remark_vague, repeat, which_change

CHECK = "check"  # what the open question is about when only the list of what is known is open


def undo(draft: Draft) -> None:
    """Facts of deleted and edited messages, and facts that the candidate has removed, go whoever leads."""
    draft.take_back()
    again = {fact.field for fact in draft.at.found}
    if gone := [fact for field, fact in draft.lost.items() if field not in again]:
        fields = ", ".join(fields_of(gone))
        draft.decision.remarks.append(f"The candidate deleted or edited a message. Taken back with it: {fields}.")
    for one in draft.at.noticed:
        if one.intent is Intent.REMOVE and one.field:
            _remove(draft, one)


def _remove(draft: Draft, wish: Noticed) -> None:
    field, name = wish.field, kind(wish.field)
    gone = [fact for fact in draft.decision.profile if field in {fact.field, kind(fact.field)}]
    for fact in gone:
        if fact in draft.decision.profile:  # a level goes with its language
            draft.drop(fact)
    draft.removed.append(field)
    if gone:
        _ask_no_more(draft, gone)
        draft.decision.remarks.append(f"The candidate had this removed: {field}.")
    asked = draft.intake.asked
    left = any(kind(fact.field) == name for fact in draft.decision.profile)
    open_ = asked is not None and asked.field == name and draft.intake.changing != name
    if name in set(Field) and not left and not open_ and name not in draft.intake.skipped:
        draft.intake.skipped.append(name)
    if draft.intake.changing == name:
        draft.intake.changing = ""


def _ask_no_more(draft: Draft, gone: list[Fact]) -> None:
    """No must-have asks for what was just removed."""
    asked = {path_of(question): question for question in asked_in(draft.intake) if is_closed(question)}
    for fact in gone:
        level = f"level.{part(fact.field)}" if kind(fact.field) == LEVELS else ""
        question = level or asked.get(fact.field) or asked_for(fact.field)
        if question and question not in draft.intake.skipped:
            draft.intake.skipped.append(question)


def only_lost(draft: Draft) -> None:
    """A turn without words: quiet, unless what is open has changed under the candidate's eyes."""
    asked = draft.intake.asked
    if not draft.lost or draft.intake.stage not in {"profile", "review"}:
        return
    level_gone = asked is not None and asked.field.startswith("level.") and not _speaks(draft, part(asked.field))
    if draft.intake.stage == "review" or asked is None or asked.field in {CONFLICT, CHECK} or level_gone:
        ask_next(draft)


def _speaks(draft: Draft, code: str) -> bool:
    return any(fact.field == f"{Field.LANGUAGES}.{code}" for fact in draft.decision.profile)


def amend(draft: Draft) -> bool:
    """Removals and changes of a consented profile; whether they settle this turn."""
    at = draft.at
    if not granted(at.consents, Purpose.INTAKE) or draft.intake.stage not in {"profile", "review", "change", "done"}:
        return False
    if draft.removed:
        _removed(draft)
        return True
    if _nothing_new(draft):
        return True
    wanted = _wanted(draft)
    if wanted is None or _found(draft, wanted.field):
        return False  # a new value in the same words is taken over like any other
    if not wanted.field:
        which_change(draft)
        return True
    draft.intake.stage = "profile"
    draft.intake.changing = wanted.field
    put(draft, "ask", wanted.field)
    return True


def _nothing_new(draft: Draft) -> bool:
    """Nothing but edits, and they say the same as before: the facts rest on the new words, and nobody is bothered."""
    at = draft.at
    words = [said for said in at.said if said.message_id not in at.edits]
    if words or at.unread or at.noticed or draft.decision.lines or not at.edits:
        return False
    values = {fact.field: fact.value for fact in at.facts}
    same = all(values.get(fact.field) == fact.value for fact in at.found)
    if same and draft.lost.keys() <= {fact.field for fact in at.found} and (draft.lost or not _hopes(draft)):
        draft.keep(at.found)
        return True
    return False


def _hopes(draft: Draft) -> bool:
    """An edited message may be the answer that the open question waits for."""
    return draft.intake.stage in {"profile", "review", "change"}


def _wanted(draft: Draft) -> Noticed | None:
    """What is to change: a named field, or, where the stage does not ask for it anyway, something."""
    wishes = [one for one in draft.at.noticed if one.intent is Intent.CHANGE]
    for one in wishes:
        if one.field and kind(one.field) != LEVELS:
            return Noticed(intent=one.intent, message_id=one.message_id, quote=one.quote, field=kind(one.field))
    if not wishes and draft.at.intake.checking and draft.at.has(Intent.NO):
        wishes = [one for one in draft.at.noticed if one.intent is Intent.NO]
    free = draft.intake.stage in {"profile", "done"} and draft.decision.profile
    return wishes[-1] if wishes and free and not draft.at.found else None


def _found(draft: Draft, field: str) -> bool:
    found = fields_of(draft.at.found)
    return field in found if field else bool(found)


def _removed(draft: Draft) -> None:
    """One sentence that it is gone; then what was open stands, or the read-back shows the rest."""
    before = list(draft.decision.profile)
    new = draft.keep(draft.at.found)
    conflicts_of(draft, before, new)
    known = {fact.field for fact in draft.at.facts} | {kind(fact.field) for fact in draft.at.facts}
    if gone := [field for field in draft.removed if field in known]:
        draft.say("removed", fields=list(dict.fromkeys(kind(field) for field in gone)))
    else:
        draft.say("removed_nothing")
    note(draft, new)
    asked, stage = draft.intake.asked, draft.intake.stage
    if stage == "done":
        return
    if stage == "profile" and asked is not None and _still_open(draft, asked.field):
        repeat(draft, asked)
    else:
        ask_next(draft)


def _still_open(draft: Draft, field: str) -> bool:
    """The question was neither answered in this turn nor made pointless by it."""
    if field in {CONFLICT, CHECK} or field in draft.intake.skipped:
        return False
    if field.startswith("level."):
        return _speaks(draft, part(field))
    return all(kind(fact.field) != field for fact in draft.decision.facts)


def vague_change(draft: Draft) -> bool:
    """At the read-back: "I can start a little later" is asked about once, as a change of that field."""
    field = next((field for field in draft.at.vague if field in set(Field)), "")
    if not field:
        return False
    draft.intake.stage = "profile"
    draft.intake.changing = field
    probe(draft, field)
    return True


def vague_aside(draft: Draft) -> None:
    """What was said too vaguely beside the open question, for the recruiter; its own question may still come."""
    asked = draft.intake.asked
    open_ = asked.field if asked is not None else ""
    for field in draft.at.vague:
        # Levels have a list of their own, which is asked next.
        if field not in {open_, LEVELS} and not (open_.startswith("level.") and field == Field.LANGUAGES):
            remark_vague(draft, field)


def show_known(draft: Draft) -> None:
    """ "What do you know about me": the list, and where nothing else does, taps to confirm or change it."""
    known = fields_of(draft.decision.profile)
    if not known:
        draft.say("nothing_known")
    elif draft.intake.stage == "done":
        draft.ask("known", CHECK, choices="check:", fields=known)
        draft.intake.checking = True
    elif draft.intake.stage != "review":  # the read-back follows and shows the same
        draft.say("known", fields=known)
        draft.checking = draft.intake.checking = draft.intake.stage == "profile"
