"""What a call costs: a dated table in data, so that a new price is a change of one file."""

import datetime as dt
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.toml")
_PER = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call. `input` is everything that was sent; cache reads and writes are part of it."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def cost(self, tokens: Tokens) -> Decimal:
        """US dollars."""
        fresh = max(tokens.input - tokens.cache_read - tokens.cache_write, 0)
        return (
            fresh * self.input
            + tokens.cache_read * self.cache_read
            + tokens.cache_write * self.cache_write
            + tokens.output * self.output
        ) / _PER


@dataclass(frozen=True)
class Prices:
    """`as_of` is the day on which the vendors' lists were read; `minutes` are US dollars of a minute of audio."""

    as_of: dt.date
    models: Mapping[str, Price]
    minutes: Mapping[str, Decimal]

    def known(self, model: str) -> bool:
        """Whether the table holds the model."""
        return self._of(model) is not None

    def cost(self, model: str, tokens: Tokens) -> Decimal:
        """US dollars. A model that is not in the table costs as much as the dearest: budgets must not run open."""
        return (self._of(model) or self._dearest).cost(tokens)

    def cost_of_audio(self, model: str, seconds: float) -> Decimal:
        """US dollars. A model that is not in the table costs as much as the dearest."""
        minute = self.minutes.get(model, max(self.minutes.values()))
        return Decimal(str(seconds)) * minute / 60

    def _of(self, model: str) -> Price | None:
        """Vendors answer with dated ids (`claude-haiku-5-5-20260901`): the longest known beginning counts."""
        names = [name for name in self.models if model == name or model.startswith(f"{name}-")]
        return self.models[max(names, key=len)] if names else None

    @property
    def _dearest(self) -> Price:
        return max(self.models.values(), key=lambda price: price.output + price.input)


@functools.cache
def load_prices() -> Prices:
    """The table that ships with this version."""
    data: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    models = {
        name: Price(**{key: Decimal(value) for key, value in row.items()}) for name, row in data["models"].items()
    }
    minutes = {name: Decimal(row["minute"]) for name, row in data["ears"].items()}
    return Prices(as_of=data["as_of"], models=models, minutes=minutes)
