"""The model tiers put together: every agent asks Claude, then GPT, then answers as the guided one does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.agents.guided.tier import guided_context
from app.agents.models.breaker import Breaker
from app.agents.models.budget import Budget, Limits, Spending
from app.agents.models.conversation import ModelConversation, Phrasing
from app.agents.models.crm import ModelCrm, Summary
from app.agents.models.deadlines import Deadlines
from app.agents.models.extraction import ModelExtraction
from app.agents.models.mind import NODE_SECONDS, AgentName, Means, Mind, Seat
from app.agents.models.prices import load_prices
from app.agents.models.prompts import FOLDER, Prompt, load_prompt, secrets_of
from app.agents.models.providers import Effort, Vendors, claude_model, gpt_model
from app.agents.models.readings import ReadFacts
from app.agents.models.router import ModelRouter, RoutingWord
from app.agents.models.vendor_model import vendor_failed
from app.agents.outbound import Outbound
from app.agents.roles import AgentContext
from app.recruiting.languages import build_detector
from app.recruiting.phrases import Company
from app.telemetry.logs import get_logger

log = get_logger()
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AgentPlan:
    """One agent's model at Claude, the most seconds of one call, the most tokens of one answer, thinking included."""

    model: str
    seconds: float
    max_tokens: int
    effort: Effort = "low"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the deployment chose. `turn_seconds` is for all agents of a turn together."""

    router: AgentPlan
    extraction: AgentPlan
    conversation: AgentPlan
    crm: AgentPlan
    fallback_model: str
    turn_seconds: float
    limits: Limits

    @property
    def agents(self) -> tuple[AgentPlan, ...]:
        """The four agents' plans."""
        return (self.router, self.extraction, self.conversation, self.crm)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """`monotonic` times calls, deadlines and breakers; `unix` dates budgets."""

    monotonic: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """Everything that minds are made of."""

    vendors: Vendors
    plan: Plan
    means: Means
    breakers: Mapping[str, Breaker]
    prompts: Mapping[AgentName, Prompt]

    def mind(self, name: AgentName, output: type[T]) -> Mind[T]:
        """An agent's mind with its prompt and its seats in order."""
        plan: AgentPlan = getattr(self.plan, name)
        prompt = self.prompts[name]
        return Mind(
            name,
            output,
            prompt,
            self._seats(plan, prompt.version),
            self.means,
            seconds=plan.seconds,
            max_tokens=plan.max_tokens,
        )

    def _seats(self, plan: AgentPlan, version: str) -> list[Seat]:
        seats = []
        if (claude := self.vendors.claude) is not None:
            model = claude_model(claude, plan.model, effort=plan.effort, last=self.vendors.gpt is None)
            seats.append(Seat("anthropic", model, self.breakers["anthropic"]))
        if (gpt := self.vendors.gpt) is not None:
            model = gpt_model(gpt, self.plan.fallback_model, effort=plan.effort, last=True, cache_key=version)
            seats.append(Seat("openai", model, self.breakers["openai"]))
        return seats


def open_breakers(vendors: Vendors, clock: Callable[[], float] = time.monotonic) -> dict[str, Breaker]:
    """A closed breaker for each vendor whose key is set, by the vendor's name."""
    clients = {"anthropic": vendors.claude, "openai": vendors.gpt}
    return {name: Breaker(name, vendor_failed, clock) for name, client in clients.items() if client is not None}


def model_context(
    company: Company,
    vendors: Vendors,
    plan: Plan,
    spending: Spending,
    *,
    guided: AgentContext | None = None,
    clocks: Clocks = Clocks(),
    prompts: Path = FOLDER,
    breakers: Mapping[str, Breaker] | None = None,
) -> AgentContext:
    """A context in which models think and the guided agents stand behind them. Without any vendor it is guided alone.

    Built once per process, with `breakers` that others may look at, or with its own. Raises PromptError,
    ZoneInfoNotFoundError.
    """
    guided = guided or guided_context(company)
    if vendors.claude is None and vendors.gpt is None:
        return guided
    prices = load_prices()
    for model in {*(agent.model for agent in plan.agents), plan.fallback_model}:
        if not prices.known(model):
            log.warning("llm.price_unknown", model=model)
    loaded = {name: load_prompt(name, {"company": company.name}, prompts) for name in NODE_SECONDS}
    bench = _Bench(
        vendors=vendors,
        plan=plan,
        means=Means(
            budget=Budget(spending, plan.limits, clocks.unix),
            deadlines=Deadlines(plan.turn_seconds, clocks.monotonic),
            prices=prices,
            clock=clocks.monotonic,
        ),
        breakers=breakers if breakers is not None else open_breakers(vendors, clocks.monotonic),
        prompts=loaded,
    )
    zone = ZoneInfo(company.timezone)
    book = guided.phrasebook
    outbound = Outbound(book, build_detector(), secrets_of(loaded.values(), book.sayable()))
    return replace(
        guided,
        router=ModelRouter(bench.mind("router", RoutingWord), guided.router, zone),
        extraction=ModelExtraction(bench.mind("extraction", ReadFacts), guided.extraction, zone),
        conversation=ModelConversation(
            bench.mind("conversation", Phrasing), guided.conversation, book, outbound=outbound
        ),
        crm=ModelCrm(bench.mind("crm", Summary), guided.crm, zone),
        outbound=outbound,
    )
