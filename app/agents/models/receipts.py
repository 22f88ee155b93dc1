"""What the calls behind one answer were, for the decision log and the metrics. Never any text."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from app.agents.models.prices import Prices, Tokens
from app.agents.state import Json
from app.telemetry.metrics import LLM_COST, LLM_FALLBACKS, LLM_SECONDS, LLM_TOKENS

OK = "ok"
TIER_OF = {"anthropic": "claude", "openai": "gpt"}
# Outcomes of calls that were never made.
NOT_ASKED = frozenset({"circuit_open", "out_of_time"})
# Why a tier was left, as LLM_FALLBACKS names it; everything else is an error.
_REASONS = {"timeout": "timeout", "out_of_time": "timeout", "circuit_open": "circuit_open"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a vendor. `outcome` as in LLM_SECONDS, or one of NOT_ASKED."""

    provider: str
    model: str
    outcome: str
    seconds: float
    tokens: Tokens = field(default_factory=Tokens)
    cost: Decimal = Decimal(0)


class Receipt:
    """The calls behind one agent's answer in one turn."""

    def __init__(self, agent: str, prices: Prices) -> None:
        self._agent = agent
        self._prices = prices
        self.calls: list[Call] = []

    def add(self, provider: str, model: str, outcome: str, seconds: float, tokens: Tokens | None = None) -> None:
        """Book a call, also one that brought no usable answer: its tokens are paid."""
        tokens = tokens or Tokens()
        cost = self._prices.cost(model, tokens)
        self.calls.append(Call(provider, model, outcome, seconds, tokens, cost))
        if outcome != OK:
            LLM_FALLBACKS(TIER_OF[provider], _REASONS.get(outcome, "error")).inc()
        if outcome in NOT_ASKED:
            return
        LLM_SECONDS(provider, self._agent, outcome).observe(seconds)
        LLM_COST(provider, model, self._agent).inc(float(cost))
        fresh = tokens.input - tokens.cache_read - tokens.cache_write
        kinds = (("input", fresh), ("output", tokens.output))
        for kind, count in (*kinds, ("cache_read", tokens.cache_read), ("cache_write", tokens.cache_write)):
            if count > 0:
                LLM_TOKENS(provider, model, kind).inc(count)

    @property
    def cost(self) -> Decimal:
        """US dollars of all calls."""
        return sum((call.cost for call in self.calls), Decimal(0))

    @property
    def answered_by(self) -> Call | None:
        """The call whose answer was used."""
        return self.calls[-1] if self.calls and self.calls[-1].outcome == OK else None

    def log(self, prompt_version: str) -> Json:
        """The part of the decision log that every answer by a model carries."""
        last = self.answered_by
        return {
            "model": last.model if last else None,
            "prompt_version": prompt_version,
            "latency_ms": round(1000 * sum(call.seconds for call in self.calls)),
            "calls": [f"{call.model}:{call.outcome}" for call in self.calls],
            **totals(call.tokens for call in self.calls),
            "cost_usd": float(self.cost),
        }


def totals(tokens: Iterable[Tokens]) -> Json:
    """Sums by the names that the decision log uses."""
    each = list(tokens)
    return {
        "input_tokens": sum(one.input for one in each),
        "output_tokens": sum(one.output for one in each),
        "cache_read_tokens": sum(one.cache_read for one in each),
        "cache_write_tokens": sum(one.cache_write for one in each),
    }
