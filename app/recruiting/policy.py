"""What to do next: one pure function from a turn's situation to its decision. Models phrase; rules decide."""

from app.recruiting.amendments import only_lost, show_known, undo
from app.recruiting.conflicts import conflicts_of
from app.recruiting.consent import Purpose, granted
from app.recruiting.draft import Draft
from app.recruiting.intake import OTHER_WORK, Decision, Situation, applied_for
from app.recruiting.interrupts import REQUESTS, Intent
from app.recruiting.stages import WORTH_WRITING, resume, run_stage
from app.recruiting.vacancy_answers import answers

VERSION = "intake-2"
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
URGENCIES = ("now", "same_day", "queue", "review")
_OFF_TOPICS = 3  # requests about something else without an answer between them
_INJECTIONS = 2  # messages to software: the first is passed over as data, more bring a person


def decide(situation: Situation) -> Decision:
    """The decision of a turn. Deterministic; reads no clock."""
    _pass_over(situation)
    draft = Draft(situation)
    undo(draft)
    if situation.owner != "assistant":
        return _beside_a_person(draft)
    if situation.opted_out:
        return _after_stop(draft)
    if situation.has(Intent.STOP):
        draft.say("stopped")
        draft.opt_out()
    elif _interrupted(draft) or _instructed_again(draft) or _wanders(draft):
        pass  # a person looks
    elif not (situation.said or situation.unread):
        only_lost(draft)  # a deleted message; or a reaction, which is no answer
    else:
        _remarks(draft)
        run_stage(draft)
        if draft.decision.facts:
            draft.intake.off_topic = 0
    return draft.decision


def _interrupted(draft: Draft) -> bool:
    """The most urgent reason to hand over, if any. What an edited message says again is kept all the same."""
    for intent, urgency, text in HANDOFFS:
        if draft.at.has(intent):
            draft.keep([fact for fact in draft.at.found if fact.field in draft.lost])
            draft.hand_over(intent.value, _sooner(draft.at, urgency), text, words=WORDS.get(intent, ""))
            return True
    return False


def _pass_over(situation: Situation) -> None:
    """Nothing is read from a message that instructs software: it may ask for a person, but says and agrees to nothing.

    Rules see to that for what rules recognise; a model's suspicion comes after both have read.
    """
    suspect = situation.carrying(Intent.INJECTION, Intent.ABUSE)
    heard = REQUESTS | {Intent.INJECTION, Intent.ABUSE, Intent.URGENT}
    situation.found = [fact for fact in situation.found if fact.message_id not in suspect]
    situation.noticed = [one for one in situation.noticed if one.message_id not in suspect or one.intent in heard]


def _sooner(situation: Situation, urgency: str) -> str:
    """A handoff's urgency, or a higher one that the router saw grounds for."""
    seen = [one.urgency for one in situation.noticed if one.urgency in URGENCIES]
    return min([urgency, *seen], key=URGENCIES.index)


def _wanders(draft: Draft) -> bool:
    """Requests that have nothing to do with work are declined; repeated ones bring a person, who may see more in it."""
    wandering = draft.at.carrying(Intent.OFF_TOPIC)
    if not wandering or draft.intake.stage == "new":
        return False
    draft.intake.off_topic += len(wandering)
    if draft.intake.stage == "done" or draft.intake.off_topic < _OFF_TOPICS:
        return False
    text = "The candidate keeps asking for things that have nothing to do with work here; it may be a misunderstanding."
    draft.hand_over("misunderstanding", "queue", text)
    return True


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
        before = list(draft.decision.profile)
        conflicts_of(draft, before, draft.keep(draft.at.found))
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
            again = f"{text} They had written STOP before."
            decision = draft.hand_over(intent.value, _sooner(at, urgency), again, words=WORDS.get(intent, ""))
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
        show_known(draft)
    if at.has(Intent.SENSITIVE):
        draft.say("sensitive")
    _urgent(draft)
    _declines_vacancy(draft)
    if at.has(Intent.OFF_TOPIC) and intake.stage != "new" and intake.off_topic < _OFF_TOPICS:
        draft.say("off_topic")
    if _side_question(draft) and not at.tapped("open"):
        _pass_question_on(draft)
    for kind_ in at.unread:
        _cannot_read(draft, kind_)


def _declines_vacancy(draft: Draft) -> None:
    """ "Wrong vacancy": the intake asks which work it is. The link stays until a person or another code ends it."""
    vacancy, noticed = draft.vacancy, draft.at.noticed_in(Intent.OTHER_WORK)
    if vacancy is not None and noticed is not None:
        draft.intake.told.append(f"{OTHER_WORK}:{vacancy.code}")
        draft.decision.remarks.append(f'The candidate did not come for {vacancy.code}: "{noticed.quote}"')


def _urgent(draft: Draft) -> None:
    """Urgent words without a request that hands over: recruiters read of them at once, the intake goes on."""
    for one in draft.at.noticed:
        if one.intent is Intent.URGENT and one.urgency in {"now", "same_day"}:
            when = "now" if one.urgency == "now" else "today"
            draft.decision.remarks.append(f'This may need a person {when}: "{one.quote}"')


def _pass_question_on(draft: Draft) -> None:
    """Recruiters get every question; before consent what we do with data is explained once, at once.

    What the vacancy's approved facts answer is answered; the rest a person answers, and the candidate hears by when.
    """
    noticed = draft.at.noticed_in(Intent.QUESTION)
    remark = f"The candidate asks: {noticed.quote if noticed else ''}"
    asking = draft.at.carrying(Intent.QUESTION) - draft.at.carrying(Intent.OFF_TOPIC)
    vacancy = applied_for(draft.at.vacancy, draft.intake)
    if asking and vacancy is not None:
        texts = [said.text for said in draft.at.said if said.message_id in asking]
        found = answers(vacancy, texts, draft.at.language)
        draft.decision.lines += found.lines
        if found.topics:
            remark += f" (answered from the approved facts: {', '.join(found.topics)})"
        if found.lines and not found.rest:
            asking = set()
    draft.decision.remarks.append(remark)
    if not asking:
        return  # declined or answered
    unexplained = draft.intake.stage in {"open", "consent"} and "about" not in draft.intake.told
    if unexplained:
        draft.say("about")
        draft.intake.told.append("about")
    else:
        draft.say("question_later", asked_at=f"{draft.at.now:.0f}")


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
