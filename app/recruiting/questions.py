"""The intake's questions: which one comes next, how it is put again, and when a person helps instead."""

from app.recruiting.answers.closed import asks_alone, is_closed, path_of
from app.recruiting.draft import Draft
from app.recruiting.intake import Asked
from app.recruiting.knockouts import Verdict
from app.recruiting.must_haves import next_question, remember, rules_of, settled
from app.recruiting.phrases import CHOICE_SETS
from app.recruiting.profile import LANGUAGE_LEVELS_ASKED, LEVELS, Fact, Field, fields_of, kind, part, shown_fields
from app.recruiting.volunteered import VALUES as VOLUNTEERED

CLARIFICATIONS = 2  # failed ones of one question before a person helps (product, handoff triggers)
_PROBED = frozenset({Field.ROLE, Field.AVAILABILITY, Field.LANGUAGES, Field.LICENCES})  # have a question of their own
_QUOTED = 200  # characters of an answer that a recruiter reads


def put(draft: Draft, key: str, field: str, *, attempts: int = 0, probed: bool = False) -> None:
    """Ask for a field with its choices; `key` is ask, again or probe."""
    level, alone = field.startswith("level."), asks_alone(field) and field != draft.intake.changing
    base = field if level else f"yes_no:{field}" if is_closed(field) else CHOICE_SETS.get(field, "")
    if field == draft.intake.changing:
        choices = f"remove:{field}"
    elif draft.checking:
        choices = f"check:{base}"
    else:
        choices = base if key != "other" else ""
    known = level or alone or field in set(Field)
    params = {"language_code": part(field)} if level else {"question": field} if alone and is_closed(field) else {}
    draft.ask(
        f"{key}_{_phrase(key, field)}" if known else "new_value",
        field,
        choices=choices,
        attempts=attempts,
        probed=probed,
        fields=[] if known else [field],
        params=params,
    )


def _phrase(key: str, field: str) -> str:
    """How the phrase files name the question."""
    if not is_closed(field):
        return "level" if field.startswith("level.") else field
    if key != "ask":
        return "yes_no"
    return "held" if kind(field) in {Field.LICENCES, "certificates"} else kind(field)


def missing(draft: Draft) -> str:
    """The first must-have and then the first field that is neither known nor skipped; empty when nothing is left."""
    if draft.vacancy is not None and (question := next_question(draft.vacancy, draft.decision.profile, draft.intake)):
        return question
    known = {kind(fact.field) for fact in draft.decision.profile if fact.value.get("held", True)}
    for field in Field:
        if field is Field.ROLE and draft.vacancy is not None:
            continue
        if field not in known and field not in draft.intake.skipped:
            return field.value
        if field is Field.LANGUAGES and (code := _level_to_ask(draft)):
            return f"level.{code}"
    return ""


def ask_next(draft: Draft) -> None:
    """The first thing still missing, else the read-back. What was just said too vaguely is asked for more closely."""
    draft.intake.stage = "profile"
    draft.pitch()
    look_at_must_haves(draft)
    field = missing(draft)
    if draft.vacancy is not None and field == next_question(draft.vacancy, draft.decision.profile, draft.intake):
        remember(draft.intake, field)
    if not field:
        read_back(draft)
    elif field in draft.at.vague and field in _PROBED:
        put(draft, "probe", field, probed=True)
    else:
        put(draft, "ask", field)


def look_at_must_haves(draft: Draft) -> None:
    """One that is not met is told to recruiters at once and to the candidate once, as no more than that (Art. 22)."""
    vacancy = draft.vacancy
    if vacancy is None:
        return
    for one in settled(vacancy, draft.decision.profile, draft.intake):
        told = f"not_met:{vacancy.code}:{one.rule.id}"
        if one.verdict is not Verdict.NOT_MET or told in draft.intake.told:
            continue
        if not any(known.startswith(f"not_met:{vacancy.code}:") for known in draft.intake.told):
            draft.say("must_have_review")
        draft.intake.told.append(told)
        words = "; ".join(f'"{fact.quote}"' for fact in one.evidence)
        draft.decision.remarks.append(f"Must-have not met: {one.rule.title} ({words}). A person decides.")


def leave_open(draft: Draft, question: str) -> None:
    """A must-have without a clear answer: unknown, which people settle. The intake goes on."""
    if draft.vacancy is not None:
        rules = rules_of(question, draft.vacancy, draft.decision.profile)
        titles = ", ".join(rule.title for rule in rules) or question
        draft.decision.remarks.append(
            f'Must-have left open: {titles} (answer: "{_words(draft)}"). A person looks at it.'
        )
    skip(draft, question)


def _level_to_ask(draft: Draft) -> str:
    levels = {part(fact.field) for fact in draft.decision.profile if kind(fact.field) == LEVELS}
    spoken = [part(fact.field) for fact in draft.decision.profile if kind(fact.field) == Field.LANGUAGES]
    skipped = {part(field) for field in draft.intake.skipped if field.startswith("level.")}
    open_ = [code for code in spoken[:LANGUAGE_LEVELS_ASKED] if code not in levels | skipped]
    return open_[0] if open_ else ""


def read_back(draft: Draft, key: str = "review", attempts: int = 0) -> None:
    """Everything noted, to be confirmed or changed."""
    draft.intake.stage = "review"
    draft.decision.lines = [line for line in draft.decision.lines if line.key not in {"noted", "thank_name", "updated"}]
    fields = shown_fields(draft.decision.profile, for_vacancy=draft.vacancy is not None)
    draft.ask(key, "review", choices="review", fields=fields, attempts=attempts)


def repeat(draft: Draft, asked: Asked, *, failed: bool = False) -> None:
    """The same question again; `failed` counts an attempt."""
    put(draft, "ask", asked.field, attempts=asked.attempts + failed, probed=asked.probed)


def clarify(draft: Draft, asked: Asked) -> None:
    """The question in other words, until a person helps."""
    if asked.attempts >= CLARIFICATIONS:
        misunderstood(draft)
    else:
        put(draft, "again", asked.field, attempts=asked.attempts + 1, probed=asked.probed)


def probe(draft: Draft, field: str, attempts: int = 0) -> None:
    """One closer question about a vague answer."""
    put(draft, "probe" if field in _PROBED else "again", field, attempts=attempts, probed=True)


def leave_vague(draft: Draft, field: str) -> None:
    """Asked about once and still vague: the recruiter reads the words, and the intake goes on without a value."""
    remark_vague(draft, field)
    skip(draft, field)


def remark_vague(draft: Draft, field: str) -> None:
    """What was said, for the recruiter; no value is made of it."""
    draft.decision.remarks.append(f'Not clear enough to note as {field}: "{_words(draft)}"')


def _words(draft: Draft) -> str:
    return " / ".join(" ".join(said.text.split())[:_QUOTED] for said in draft.at.said)


def skip(draft: Draft, field: str) -> None:
    """Go on without an answer to this question."""
    if field not in draft.intake.skipped:
        draft.intake.skipped.append(field)
    draft.intake.changing = ""
    ask_next(draft)


def which_change(draft: Draft, attempts: int = 0) -> None:
    """Let the candidate say which field is wrong; those that are known beside the asked ones are offered too."""
    draft.intake.stage = "change"
    more = [field for field in fields_of(draft.decision.profile) if field not in set(Field)]
    draft.ask("change_which", "change", choices=f"change:{','.join(more)}", attempts=attempts)


def misunderstood(draft: Draft) -> None:
    """A person helps where two clarifications did not."""
    field = draft.intake.asked.field if draft.intake.asked else "start"
    draft.hand_over("misunderstanding", "queue", f"Two clarifications of the question about {field} did not help.")


def note(draft: Draft, new: list[Fact]) -> None:
    """Show that it was heard: what replaces something, several facts, a computed day, or what nobody asked for."""
    asked = draft.intake.asked
    if asked is not None and asks_alone(asked.field) and not draft.corrects(new):
        new = [fact for fact in new if fact.field != path_of(asked.field)]
    fields = fields_of(new)
    if draft.corrects(new):
        draft.say("updated", fields=fields)
    elif fields == [Field.NAME]:
        draft.say("thank_name", fields=[Field.NAME])
    elif len(fields) > 1 or set(fields) & {Field.AVAILABILITY, *VOLUNTEERED}:
        draft.say("noted", fields=fields)
