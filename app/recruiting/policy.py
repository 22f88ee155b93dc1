"""What to do next: one pure function from a turn's situation to its decision. Models phrase; rules decide."""

from app.recruiting.consent import Purpose, granted
from app.recruiting.draft import Draft
from app.recruiting.intake import Decision, Situation
from app.recruiting.interrupts import Intent
from app.recruiting.profile import fields_of
from app.recruiting.stages import WORTH_WRITING, resume, run_stage

VERSION = "intake-1"
PAUSE = 24 * 3600.0  # seconds after which the conversation is taken up with a line of recap
# Interrupts that hand over, most urgent first: intent, urgency, what the recruiter reads.
HANDOFFS = (
    (Intent.DANGER, "now", "Possible danger, self-harm or exploitation. Read the conversation at once."),
    (Intent.MINOR, "review", "The candidate may be under 18. No data was asked after this."),
    (Intent.DELETE, "same_day", "The candidate asks for deletion of their data (GDPR Art. 17, answer within a month)."),
    (Intent.HUMAN, "now", "The candidate asks for a person."),
    (Intent.COMPLAINT, "now", "Complaint, legal or discrimination topic. The assistant has stopped."),
    (Intent.ABUSE, "now", "The candidate is angry. Nothing was read from this message; the assistant has stopped."),
    (Intent.ADJUSTMENT, "same_day", "The candidate asks about an adjustment. Details are not in the profile."),
)
WORDS = {Intent.ABUSE: "complaint"}  # an angry person is thanked for the feedback, not judged
_INJECTIONS = 2  # messages to software: the first is passed over as data, more bring a person


def decide(situation: Situation) -> Decision:
    """The decision of a turn. Deterministic; reads no clock."""
    draft = Draft(situation)
    if situation.owner != "assistant":
        return _beside_a_person(draft)
    if situation.opted_out:
        return _after_stop(draft)
    if situation.has(Intent.STOP):
        draft.say("stopped")
        draft.opt_out()
        return draft.decision
    for intent, urgency, text in HANDOFFS:
        if situation.has(intent):
            return draft.hand_over(intent.value, urgency, text, words=WORDS.get(intent, ""))
    lost = any(fact.message_id in situation.revoked for fact in situation.facts)
    if _instructed_again(draft) or not (situation.said or situation.unread or lost):
        return draft.decision  # a person looks; or a reaction, or a deleted message that no fact rests on
    _remarks(draft)
    run_stage(draft)
    return draft.decision


def _instructed_again(draft: Draft) -> bool:
    """Words meant for software are data. Repeated, a person looks, without a word of blame: it may be a misreading."""
    now = {one.message_id for one in draft.at.noticed if one.intent is Intent.INJECTION}
    draft.intake.injections += len(now)
    if not now:
        return False
    if draft.intake.injections < _INJECTIONS:
        draft.decision.remarks.append("A message seems to instruct the assistant. Nothing was read from it.")
        return False
    text = "Several messages seem to instruct the assistant. Nothing was read from them; it may be a misunderstanding."
    draft.hand_over(Intent.INJECTION.value, "review", text, words="misunderstanding")
    return True


def _beside_a_person(draft: Draft) -> Decision:
    """A person leads: the assistant says nothing, but STOP counts and certain facts are kept."""
    if draft.at.has(Intent.STOP):
        draft.opt_out()
        return draft.decision
    if draft.at.has(Intent.START) and draft.at.opted_out:
        draft.decision.opted_out = False
    if granted(draft.at.consents, Purpose.INTAKE):
        draft.keep(draft.at.found)
    return draft.decision


def _after_stop(draft: Draft) -> Decision:
    """Silence after STOP, except START, danger, and requests that a person must see."""
    at = draft.at
    if at.has(Intent.START):
        draft.decision.opted_out = False
        draft.say("started")
        resume(draft)
        return draft.decision
    for intent, urgency, text in HANDOFFS:
        if at.has(intent):
            decision = draft.hand_over(
                intent.value, urgency, f"{text} They had written STOP before.", words=WORDS.get(intent, "")
            )
            if intent is not Intent.DANGER:
                decision.lines = []
            return decision
    return draft.decision


def _remarks(draft: Draft) -> None:
    """Sentences before the question: answers to side questions, apologies, a recap."""
    at, intake = draft.at, draft.intake
    if intake.handed_over:
        draft.say("returned")
        intake.handed_over = ""
    elif at.intake.last_at and at.now - at.intake.last_at > PAUSE and intake.stage in {"consent", "profile", "review"}:
        draft.say("resumed")
    if at.has(Intent.BOT) and intake.stage != "new":
        draft.say("bot")
    if at.has(Intent.ABOUT_ME):
        known = fields_of(draft.decision.profile)
        draft.say("known" if known else "nothing_known", fields=known)
    if at.has(Intent.SENSITIVE):
        draft.say("sensitive")
    if _side_question(draft) and not at.tapped("open"):
        _pass_question_on(draft)
    for kind_ in at.unread:
        _cannot_read(draft, kind_)


def _pass_question_on(draft: Draft) -> None:
    """Recruiters get every question; before consent what we do with data is explained once, at once."""
    unexplained = draft.intake.stage in {"open", "consent"} and "about" not in draft.intake.told
    draft.say("about" if unexplained else "question_later")
    if unexplained:
        draft.intake.told.append("about")
    noticed = draft.at.noticed_in(Intent.QUESTION)
    draft.decision.remarks.append(f"The candidate asks: {noticed.quote if noticed else ''}")


def _side_question(draft: Draft) -> bool:
    """A question that this turn's facts do not turn into an answer ("Utrecht, is that ok?" is both)."""
    return draft.at.has(Intent.QUESTION) and draft.intake.stage not in {"new"}


def _cannot_read(draft: Draft, kind_: str) -> None:
    """Voice and documents are worth a request each time; stickers and the like are explained once."""
    if kind_ in WORTH_WRITING:
        draft.say("please_write")
    elif "unsupported" not in draft.intake.told:
        draft.intake.told.append("unsupported")
        draft.say("unsupported")
