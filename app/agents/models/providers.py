"""The vendors' official clients, and their models under pydantic-ai."""

from dataclasses import dataclass
from typing import Literal

import anthropic
import openai
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

Effort = Literal["low", "medium", "high"]
# The SDKs obey `retry-after` before they give up; with another vendor waiting that time is wasted, and a turn's whole
# time is shorter than most of them. Only the last vendor in line repeats a call, once.
RETRIES_OF_LAST = 1
CONNECT_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Vendors:
    """Clients of the vendors whose keys are set. Whoever opens them closes them."""

    claude: AsyncAnthropic | None = None
    gpt: AsyncOpenAI | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self.claude is not None:
            await self.claude.close()
        if self.gpt is not None:
            await self.gpt.close()


def open_vendors(
    *, anthropic_key: str, anthropic_url: str, openai_key: str, openai_url: str, seconds: float = 30.0
) -> Vendors:
    """Clients for the keys that are not empty. `seconds` bounds a single read; each call has its own total besides."""
    claude = gpt = None
    if anthropic_key:
        patience = anthropic.Timeout(seconds, connect=CONNECT_SECONDS)
        claude = AsyncAnthropic(api_key=anthropic_key, base_url=anthropic_url, max_retries=0, timeout=patience)
    if openai_key:
        patience = openai.Timeout(seconds, connect=CONNECT_SECONDS)
        gpt = AsyncOpenAI(api_key=openai_key, base_url=openai_url, max_retries=0, timeout=patience)
    return Vendors(claude=claude, gpt=gpt)


def claude_model(client: AsyncAnthropic, model: str, *, effort: Effort, last: bool) -> Model:
    """Claude: the stable instructions are marked for the prompt cache (5 minutes, renewed by each use)."""
    settings = AnthropicModelSettings(
        anthropic_effort=effort,
        anthropic_cache_instructions=True,
        max_retries=RETRIES_OF_LAST if last else 0,
    )
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client), settings=settings)


def gpt_model(client: AsyncOpenAI, model: str, *, effort: Effort, last: bool, cache_key: str) -> Model:
    """GPT over Responses: nothing is stored at the vendor; requests of one prompt share a cache by its key."""
    settings = OpenAIResponsesModelSettings(
        openai_reasoning_effort=effort,
        openai_store=False,
        openai_prompt_cache_key=cache_key,
        openai_text_verbosity="low",
        max_retries=RETRIES_OF_LAST if last else 0,
    )
    return OpenAIResponsesModel(model, provider=OpenAIProvider(openai_client=client), settings=settings)
