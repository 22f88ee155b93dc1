"""One vendor's model as a tier uses it: behind a breaker, within a time, its answer checked, its cost booked.

Whatever keeps the answer from being used is raised, so that pydantic-ai's FallbackModel goes on to the next vendor:
a refusal, an answer cut short, one without a stop reason, one that does not fit the schema.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from app.agents.models.breaker import Breaker, CircuitOpen
from app.agents.models.prices import Tokens
from app.agents.models.receipts import OK, Receipt

# pydantic-ai's finish reasons of answers that may not be used; `None` is a broken off or paused one.
_UNFINISHED = {"length": "truncated", "content_filter": "refused"}


class Unusable(Exception):
    """HTTP said 200, but there is no answer to use; `outcome` says why."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class OutOfTime(Exception):
    """Too little of the turn's time is left to ask."""


# Exactly these make a vendor's turn the next vendor's; anything else is a bug of ours and is raised.
FALL_BACK_ON: tuple[type[Exception], ...] = (
    ModelRateLimitError,
    ModelQuotaExceededError,
    ModelUnavailableError,
    ModelServerError,
    ModelConnectionError,
    ModelRequestRejectedError,
    ModelAPIError,
    Unusable,
    OutOfTime,
    CircuitOpen,
)
_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (ModelTimeoutError, "timeout"),
    (ModelConnectionError, "network"),
    (ModelRateLimitError, "throttled"),
    (ModelQuotaExceededError, "throttled"),
    (ModelUnavailableError, "server_error"),
    (ModelServerError, "server_error"),
    (ModelRequestRejectedError, "rejected"),
    (ModelAPIError, "malformed"),  # of no category: a body that is no JSON
)


def outcome_of(error: BaseException) -> str:
    """How a failed call is counted."""
    if isinstance(error, Unusable):
        return error.outcome
    return next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "error")


def vendor_failed(error: BaseException) -> bool:
    """Whether the vendor itself is in trouble, or our access to it: what a breaker counts."""
    if isinstance(error, ModelAuthenticationError | ModelNotFoundError):
        return True
    return outcome_of(error) in {"timeout", "network", "throttled", "server_error"}


@dataclass(frozen=True, slots=True)
class Access:
    """How one agent reaches one vendor in one turn; `seconds` says how long a call begun now may take."""

    provider: str
    breaker: Breaker
    receipt: Receipt
    seconds: Callable[[], float]
    clock: Callable[[], float]


LEAST_SECONDS = 0.3


class VendorModel(WrapperModel):
    """`fits` is the type that the answer's JSON must have; None for plain text."""

    def __init__(self, wrapped: Model, access: Access, fits: TypeAdapter[object] | None) -> None:
        super().__init__(wrapped)
        self._access = access
        self._fits = fits

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask once. Raises one of FALL_BACK_ON."""
        access, model = self._access, self.wrapped.model_name
        seconds = access.seconds()
        if seconds < LEAST_SECONDS:
            access.receipt.add(access.provider, model, "out_of_time", 0.0)
            raise OutOfTime(model)
        begun = access.clock()
        try:
            with access.breaker.calling():
                response = await self._within(seconds, messages, model_settings, model_request_parameters)
        except CircuitOpen:
            access.receipt.add(access.provider, model, "circuit_open", 0.0)
            raise
        except ModelAPIError as error:
            access.receipt.add(access.provider, model, outcome_of(error), access.clock() - begun)
            raise
        outcome = self._judged(response)
        access.receipt.add(access.provider, model, outcome, access.clock() - begun, _tokens(response))
        if outcome != OK:
            raise Unusable(outcome)
        return response

    async def _within(
        self,
        seconds: float,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The SDK's own timeout starts anew with every byte; this one does not. Raises ModelTimeoutError."""
        try:
            async with asyncio.timeout(seconds):
                return await self.wrapped.request(messages, model_settings, parameters)
        except TimeoutError as error:
            raise ModelTimeoutError(self.wrapped.model_name, "no whole answer in time") from error

    def _judged(self, response: ModelResponse) -> str:
        """`ok`, or why the answer may not be used."""
        if response.finish_reason != "stop":
            return _UNFINISHED.get(response.finish_reason or "", "malformed")
        text = response.text
        if not text or response.tool_calls:
            return "malformed"
        if self._fits is not None:
            try:
                self._fits.validate_json(text)
            except ValidationError:
                return "malformed"
        return OK


def _tokens(response: ModelResponse) -> Tokens:
    usage = response.usage
    return Tokens(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_read=usage.cache_read_tokens,
        cache_write=usage.cache_write_tokens,
    )
