"""One agent's mind: its prompt and output type, asked at Claude, then at GPT; silent when neither gives an answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from pydantic import TypeAdapter
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from app.agents.graph import CONVERSATION_SECONDS, CRM_SECONDS, EXTRACTION_SECONDS, ROUTER_SECONDS
from app.agents.models.breaker import Breaker
from app.agents.models.budget import Budget
from app.agents.models.deadlines import Deadlines
from app.agents.models.prices import Prices
from app.agents.models.prompts import Prompt
from app.agents.models.receipts import TIER_OF, Receipt
from app.agents.models.vendor_model import FALL_BACK_ON, Access, VendorModel
from app.agents.state import Json, TurnInput
from app.telemetry.logs import get_logger
from app.telemetry.metrics import LLM_FALLBACKS

log = get_logger()
T = TypeVar("T")
AgentName = Literal["router", "extraction", "conversation", "crm"]
# A node that the graph cuts off answers nothing: models must give up before.
NODE_SECONDS: Mapping[AgentName, float] = {
    "router": ROUTER_SECONDS,
    "extraction": EXTRACTION_SECONDS,
    "conversation": CONVERSATION_SECONDS,
    "crm": CRM_SECONDS,
}
_MARGIN_SECONDS = 2.0


def patience(agent: AgentName) -> float:
    """Seconds that an agent may wait for models in all."""
    return NODE_SECONDS[agent] - _MARGIN_SECONDS


@dataclass(frozen=True, slots=True)
class Seat:
    """A vendor's model that an agent may ask, with the vendor's breaker."""

    provider: str
    model: Model
    breaker: Breaker


@dataclass(frozen=True)
class Means:
    """What all minds of a process share."""

    budget: Budget
    deadlines: Deadlines
    prices: Prices
    clock: Callable[[], float]


@dataclass(frozen=True)
class Thought(Generic[T]):
    """An answer, or None and why: `budget`, or how the last vendor's call ended. `log` is for the decision log."""

    output: T | None
    tier: str = ""
    reason: str = ""
    log: Json = field(default_factory=dict)


class Mind(Generic[T]):
    """`seats` in the order in which they are asked; `seconds` is the most that one call may take."""

    def __init__(
        self,
        name: AgentName,
        output: type[T],
        prompt: Prompt,
        seats: Sequence[Seat],
        means: Means,
        *,
        seconds: float,
        max_tokens: int,
    ) -> None:
        self._name = name
        self._prompt = prompt
        self._seats = tuple(seats)
        self._means = means
        self._seconds = seconds
        # Native structured output, and no tools at all: there is nothing that a candidate's text could make it call.
        self._agent: Agent[object, T] = Agent(
            output_type=NativeOutput(output, name=name, strict=True),
            instructions=prompt.instructions,
            name=name,
            retries=0,
            model_settings=ModelSettings(max_tokens=max_tokens),
        )
        self._fits: TypeAdapter[object] = TypeAdapter(output)

    @property
    def prompt(self) -> Prompt:
        """The prompt whose turn message `think` gets."""
        return self._prompt

    async def think(self, turn: TurnInput, message: str) -> Thought[T]:
        """Ask, within the budget and the turn's time. Raises only for bugs."""
        candidate = turn["conversation"].get("candidate_id", "")
        if not await self._means.budget.allows(candidate):
            for tier in {TIER_OF[seat.provider] for seat in self._seats}:
                LLM_FALLBACKS(tier, "budget").inc()
            return Thought(None, reason="budget", log={"fell_back": "budget"})
        receipt = Receipt(self._name, self._means.prices)
        output: T | None = None
        try:
            run = await self._agent.run(
                message, model=self._line(turn, receipt), usage_limits=UsageLimits(request_limit=1)
            )
            output = run.output
        except (FallbackExceptionGroup, AgentRunError):
            pass  # every call and its outcome is on the receipt
        finally:
            await self._means.budget.book(candidate, receipt.cost)
        return self._thought(output, receipt)

    def _line(self, turn: TurnInput, receipt: Receipt) -> FallbackModel:
        """The vendors in line, each call with its share of the turn's time, and never beyond the graph's patience."""
        means, end = self._means, self._means.deadlines.end(turn, patience(self._name))

        def access(seat: Seat, *, last: bool) -> Access:
            return Access(
                provider=seat.provider,
                breaker=seat.breaker,
                receipt=receipt,
                seconds=lambda: means.deadlines.share(end, self._seconds, last=last),
                clock=means.clock,
            )

        models = [
            VendorModel(seat.model, access(seat, last=seat is self._seats[-1]), self._fits) for seat in self._seats
        ]
        return FallbackModel(*models, fallback_on=FALL_BACK_ON)

    def _thought(self, output: T | None, receipt: Receipt) -> Thought[T]:
        entry = receipt.log(self._prompt.version)
        last = receipt.answered_by
        if output is not None and last is not None:
            return Thought(output, tier=TIER_OF[last.provider], log=entry)
        reason = receipt.calls[-1].outcome if receipt.calls else "error"
        log.warning("llm.unanswered", agent=self._name, reason=reason, outcomes=entry["calls"])
        return Thought(None, reason=reason, log=entry | {"fell_back": reason})
