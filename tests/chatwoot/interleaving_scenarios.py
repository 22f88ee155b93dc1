"""Generated conversations: who does what in which order, and what of it Chatwoot's webhooks lose."""

from dataclasses import dataclass

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.database.conversations import Owner

STATUSES = ("open", "pending", "resolved")


@dataclass(frozen=True)
class Step:
    """`kind`: candidate, recruiter, note, status, delete, read. `lost`: Chatwoot's webhooks of it do not come;
    `twice`: they come twice; `refused`: WhatsApp does not take the message; `settled`: all is quiet before the next."""

    kind: str
    settled: bool = False
    status: str = ""
    lost: bool = False
    twice: bool = False
    refused: bool = False

    def __str__(self) -> str:
        marks = [name for name in ("lost", "twice", "refused") if getattr(self, name)]
        return " ".join([self.kind, self.status, *marks]).replace("  ", " ") + (" |" if self.settled else "")


def owner_after(owner: Owner, step: Step) -> Owner:
    """Who may speak, by the order in which people acted."""
    if step.kind == "recruiter":
        return Owner.HUMAN
    if step.kind == "status":
        return {"open": Owner.HUMAN, "pending": Owner.ASSISTANT, "resolved": Owner.NOBODY}[step.status]
    if step.kind == "candidate" and owner is Owner.NOBODY:
        return Owner.ASSISTANT
    return owner


_rare = st.integers(0, 3).map(lambda number: number == 3)
_step = st.one_of(
    st.builds(Step, kind=st.just("candidate"), settled=st.booleans()),
    st.builds(Step, kind=st.just("recruiter"), settled=st.booleans(), lost=_rare, twice=_rare, refused=_rare),
    st.builds(Step, kind=st.sampled_from(["note", "read"])),
    st.builds(Step, kind=st.just("delete"), settled=st.booleans()),
    st.builds(Step, kind=st.just("status"), status=st.sampled_from(STATUSES), settled=st.just(value=True), lost=_rare),
)
_conversation = st.lists(_step, min_size=5, max_size=9)


def scenarios(count: int) -> list[list[Step]]:
    """The same ones in every run."""
    found: list[list[Step]] = []

    # The generator varies what it has just made: neighbours are alike.
    @settings(max_examples=4 * count, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(_conversation)
    def collect(steps: list[Step]) -> None:
        if len({step.kind for step in steps}) > 2 and "candidate" in {step.kind for step in steps}:
            found.append(steps)

    collect()
    return found[:: max(1, len(found) // count)][:count]
