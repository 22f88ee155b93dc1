"""The agents of a tier for an evaluation: the service's own, without its budgets and without the other vendor."""

from dataclasses import replace

from app.agents.guided.tier import guided_context
from app.agents.models.budget import Limits, ProcessSpending
from app.agents.models.providers import Vendors
from app.agents.models.tier import Plan, model_context
from app.agents.roles import AgentContext
from app.recruiting.phrases import Company

COMPANY = Company(
    name="Werkpunt", privacy_url="https://werkpunt.example/privacy", alternative="https://werkpunt.example/apply"
)
GUIDED = "guided"
SCRIPTED = "scripted"
TIERS = (GUIDED, "claude", "gpt", SCRIPTED)
# An evaluation stopped by a budget would quietly measure the guided tier.
_NO_LIMITS = Limits(candidate_daily_usd=1e6, service_hourly_usd=1e6)


class EvalError(ValueError):
    """The evaluation cannot be run as asked."""


def context_of(tier: str, vendors: Vendors | None = None, plan: Plan | None = None) -> AgentContext:
    """The agents of a tier other than `scripted`, which has a stage of its own.

    Raises EvalError for an unknown tier or a missing key, PromptError.
    """
    if tier not in TIERS:
        raise EvalError(f"there is no tier {tier!r}; choose one of {', '.join(TIERS)}")
    if tier == GUIDED:
        return guided_context(COMPANY)
    chosen = _chosen(tier, vendors or Vendors())
    if plan is None or (chosen.claude is None and chosen.gpt is None):
        raise EvalError(f"tier {tier!r} needs its vendor's API key; set it, or use --tier {GUIDED}")
    return context_with(chosen, plan)


def context_with(vendors: Vendors, plan: Plan) -> AgentContext:
    """Agents that ask these vendors in turn, then the rules. Raises PromptError."""
    return model_context(COMPANY, vendors, replace(plan, limits=_NO_LIMITS), ProcessSpending())


def _chosen(tier: str, vendors: Vendors) -> Vendors:
    return Vendors(claude=vendors.claude) if tier == "claude" else Vendors(gpt=vendors.gpt)
