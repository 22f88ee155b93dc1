"""Builds who thinks: the vendors whose keys are set, their plan and budgets, the guard, and what reads files."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from openai import AsyncOpenAI
from redis.asyncio import Redis

from app.agents.documents import DocumentReader
from app.agents.embeddings import Embedder, nearness_of
from app.agents.guided.paraphrases import examples
from app.agents.guided.tier import guided_context
from app.agents.models.breaker import Breaker
from app.agents.models.budget import Budget, Limits, RedisSpending, Spending
from app.agents.models.prompts import FOLDER
from app.agents.models.providers import Vendors, open_vendors
from app.agents.models.tier import AgentPlan, Plan, model_context
from app.agents.roles import AgentContext
from app.agents.transcription import Transcriber
from app.channels.media import WhatsAppMedia
from app.engine.understanding import Understanding
from app.recruiting.intake import Line
from app.recruiting.phrases import Company, Phrasebook
from app.settings import Settings
from app.settings_values import text_of


def vendors_of(settings: Settings) -> Vendors:
    """Clients for the keys that are set; whoever calls closes them."""
    return open_vendors(
        anthropic_key=text_of(settings.anthropic_api_key or ""),
        anthropic_url=settings.anthropic_base_url,
        openai_key=text_of(settings.openai_api_key or ""),
        openai_url=settings.openai_base_url,
    )


def plan_of(settings: Settings) -> Plan:
    """Models, times, tokens and budgets as the deployment set them."""

    def agent(name: str) -> AgentPlan:
        return AgentPlan(
            model=getattr(settings, f"{name}_model"),
            seconds=getattr(settings, f"{name}_seconds"),
            max_tokens=getattr(settings, f"{name}_max_tokens"),
            effort=getattr(settings, f"{name}_effort"),
        )

    return Plan(
        router=agent("router"),
        extraction=agent("extraction"),
        conversation=agent("conversation"),
        crm=agent("crm"),
        fallback_model=settings.fallback_model,
        turn_seconds=settings.turn_thinking_seconds,
        limits=limits_of(settings),
    )


def limits_of(settings: Settings) -> Limits:
    """What all models together may cost, ears and nearness of meaning included."""
    return Limits(candidate_daily_usd=settings.candidate_daily_usd, service_hourly_usd=settings.service_hourly_usd)


def budget_of(settings: Settings, spending: Spending) -> Budget:
    """The deployment's budgets over one count."""
    return Budget(spending, limits_of(settings))


def company_of(settings: Settings) -> Company:
    """Facts of the deployment that sentences name."""
    privacy_url = settings.privacy_url or ""
    alternative = settings.alternative_contact or privacy_url
    return Company(
        name=settings.company_name,
        privacy_url=privacy_url,
        alternative=alternative,
        timezone=settings.company_timezone,
        country=settings.company_country or "",
        business_hours=settings.business_hours,
        answer_hours=settings.answer_hours,
    )


def apology_of(settings: Settings) -> Callable[[str, float], str]:
    """The fixed sentence for a technical failure, by language and moment (Unix seconds)."""
    phrasebook = Phrasebook(company_of(settings))
    return lambda language, now: phrasebook.line(language, Line(key="technical", params={"asked_at": f"{now:.0f}"}), [])


@asynccontextmanager
async def embedder_of(settings: Settings, vendors: Vendors, budget: Budget) -> AsyncIterator[Embedder | None]:
    """Nearness of meaning for the router: a server of its own, which costs nothing, else OpenAI's, else None."""
    own: AsyncOpenAI | None = None
    if settings.embeddings_base_url:
        # Never OpenAI's key: it is not for this host. The client insists on some key.
        key = text_of(settings.embeddings_api_key or "") or "none"
        own = AsyncOpenAI(api_key=key, base_url=settings.embeddings_base_url, max_retries=0)
    client = own or vendors.gpt
    if client is None:
        yield None
        return
    embedder = Embedder(client, settings.embeddings_model, budget=None if own is not None else budget)
    embedder.foresee([text for _, text in examples()])
    try:
        yield embedder
    finally:
        await embedder.aclose()
        if own is not None:
            await own.close()


def agents_of(
    settings: Settings,
    vendors: Vendors,
    spending: Spending,
    embedder: Embedder | None = None,
    *,
    plan: Plan | None = None,
    prompts: Path = FOLDER,
    breakers: Mapping[str, Breaker] | None = None,
) -> AgentContext:
    """Claude, then GPT, then the guided agents; the guided ones alone without any key."""
    company = company_of(settings)
    guided = guided_context(company, embedder, nearness_of(settings.embeddings_model))
    return model_context(
        company,
        vendors,
        plan or plan_of(settings),
        spending,
        guided=guided,
        prompts=prompts,
        breakers=breakers,
    )


def understanding_of(settings: Settings, vendors: Vendors, dialog360: httpx.AsyncClient, redis: Redis) -> Understanding:
    """Voice needs OpenAI's key, and is paid from the same budgets; documents are read on this machine."""
    budget = budget_of(settings, RedisSpending(redis))
    transcriber = Transcriber(vendors.gpt, budget) if vendors.gpt is not None else None
    return Understanding(WhatsAppMedia(dialog360, redis), DocumentReader(), transcriber)
