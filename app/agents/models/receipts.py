"""What the calls behind one answer were, for the decision log and the metrics. Never any text."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from app.agents.models.prices import Prices, Tokens
from app.agents.state import Json
from app.telemetry.metrics import LLM_COST, LLM_FALLBACKS, LLM_SECONDS, LLM_TOKENS

OK = "ok"
TIER_OF = {"anthropic": "claude", "openai": "gpt"}
FREE = "local"  # a server of the deployment's own; nobody bills its tokens
# No tier is left when these fail: the router's word lists decide, the candidate is asked to write.
_AIDS = frozenset({"embedding", "transcription"})
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
    """The calls behind one agent's answer in one turn; `candidate` is whose budget pays, empty: the service's alone."""

    def __init__(self, agent: str, prices: Prices, candidate: str = "") -> None:
        self.candidate = candidate
        self._agent = agent
        self._prices = prices
        self.calls: list[Call] = []

    def add(
        self,
        provider: str,
        model: str,
        outcome: str,
        seconds: float,
        tokens: Tokens | None = None,
        *,
        audio_seconds: float | None = None,
    ) -> None:
        """Book a call, also one that brought no usable answer: its tokens are paid. Audio is paid by its length."""
        tokens = tokens or Tokens()
        cost = Decimal(0)
        if audio_seconds is not None:
            cost = self._prices.cost_of_audio(model, audio_seconds)
        elif provider != FREE:
            cost = self._prices.cost(model, tokens)
        self.calls.append(Call(provider, model, outcome, seconds, tokens, cost))
        if outcome != OK and self._agent not in _AIDS:
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

    def log(self, prompt_version: str | None = None) -> Json:
        """The part of the decision log that every answer by a model carries; not all have a prompt."""
        last = self.answered_by
        return {
            "model": last.model if last else None,
            **({"prompt_version": prompt_version} if prompt_version else {}),
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


SUMMED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd")


def summed(one: Json, other: Json) -> Json:
    """The log of two tries: numbers and lists added, the rest as the later says."""
    both = {**one, **other}
    for name in both.keys() & one.keys() & other.keys():
        if isinstance(one[name], int | float | list) and isinstance(other[name], type(one[name])):
            both[name] = one[name] + other[name]
    return both


def with_aid(decision: Json, name: str, log: Json) -> Json:
    """The decision log of a turn with one more agent's part, its tokens, cost and time among the turn's."""
    if not log:
        return decision
    sums = {key: decision.get(key, 0) + log.get(key, 0) for key in (*SUMMED, "latency_ms")}
    return {**decision, **sums, "agents": {**decision.get("agents", {}), name: log}}
