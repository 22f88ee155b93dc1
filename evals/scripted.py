"""The scripted tier: dialogues over both vendors' real clients and protocols, against a local server without a key."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from app.agents.models.providers import Vendors, open_vendors
from app.agents.models.tier import AgentPlan, Plan
from app.agents.roles import AgentContext
from app.local.house_parts import served
from app.local.llm_script import Answer, Asked
from app.local.llm_twin import LlmTwin, LlmTwinConfig, create_llm_twin
from evals.misbehaviour import Casting
from evals.reader import Reader, agent_of, given
from evals.tiers import COMPANY, context_with

SECONDS = 10.0  # of a call that is not meant to be slow; a busy machine is no misbehaviour


class ScriptedModel:
    """Answers each account as its casting says."""

    def __init__(self, castings: Sequence[Casting]) -> None:
        self._castings = {casting.account: casting for casting in castings}
        self._readers: dict[str, Reader] = {}
        self._calls: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Answer:
        """The good answer, or the casting's misbehaviour."""
        casting = self._castings[asked.account]
        reader = self._readers.setdefault(asked.account, Reader(casting.dialogue, ZoneInfo(COMPANY.timezone)))
        good, wrong = reader(asked), casting.misbehaviour
        if wrong is None or asked.vendor != casting.vendor or not wrong.hits(agent_of(asked)):
            return Answer(value=good)
        self._calls[asked.account] += 1
        if wrong.times is not None and self._calls[asked.account] > wrong.times:
            return Answer(value=good)
        language = str(given(asked.text, "language") or casting.dialogue.language)
        return wrong.answer(asked, good, language)


@dataclass(frozen=True)
class Stage:
    """The server and the clients pointed at it."""

    twin: LlmTwin
    vendors: Vendors
    plan: Plan

    def context(self, casting: Casting) -> AgentContext:
        """Agents with breakers of their own; behind Claude stands GPT, behind GPT nobody but the rules."""
        claude, gpt, account = self.vendors.claude, self.vendors.gpt, casting.account
        first = casting.vendor == "anthropic"
        vendors = Vendors(
            claude=claude.copy(api_key=account) if claude is not None and first else None,
            gpt=gpt.copy(api_key=account) if gpt is not None else None,
        )
        seconds = casting.misbehaviour.seconds if casting.misbehaviour else 0.0
        return context_with(vendors, patient(self.plan, seconds or SECONDS))


def patient(plan: Plan, seconds: float) -> Plan:
    """The deployment's models with times that a local server needs, or a misbehaviour."""

    def agent(own: AgentPlan) -> AgentPlan:
        return replace(own, seconds=seconds)

    return replace(
        plan,
        router=agent(plan.router),
        extraction=agent(plan.extraction),
        conversation=agent(plan.conversation),
        crm=agent(plan.crm),
        turn_seconds=4 * SECONDS,
    )


@contextlib.asynccontextmanager
async def stage(castings: Sequence[Casting], plan: Plan) -> AsyncIterator[Stage]:
    """Both vendors on a free loopback port for the length of the block. Raises LocalServerError."""
    app = create_llm_twin(LlmTwinConfig(script=ScriptedModel(castings)))
    async with served(app, "server of scripted models") as url:
        vendors = open_vendors(
            anthropic_key="scripted", anthropic_url=url, openai_key="scripted", openai_url=f"{url}/v1"
        )
        try:
            yield Stage(app.state.twin, vendors, plan)
        finally:
            await vendors.aclose()
