"""The variables of who thinks, how long and for how much; the first part of `app/settings_variables.py`."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr

from app.settings_values import Count, Dollars, Effort, Group, HttpUrl, Seconds, Var

_MODEL = Var(Group.THINKING)
_THOUGHT = Var(Group.THOUGHT)
_EFFORT = Var(Group.THOUGHT, form="low | medium | high")


def _about(purpose: str) -> Any:
    return Field(description=purpose)


class ThinkingVariables(BaseModel):
    """Defaults hold for chat: candidates wait for each answer, and a guided one stands behind every model."""

    # Who thinks
    anthropic_api_key: Annotated[
        SecretStr | None,
        _about("Claude, the first tier of every agent."),
        Var(
            Group.THINKING,
            form="sk-ant-…",
            source="console.anthropic.com, API keys",
            security="whoever has it spends your money; set a spend limit there",
            required=True,
        ),
    ] = None
    anthropic_base_url: Annotated[
        HttpUrl,
        _about("Where Claude is reached."),
        Var(Group.THINKING, security="candidates' words go to this host"),
    ] = "https://api.anthropic.com"
    router_model: Annotated[str, _about("Claude model that classifies each message."), _MODEL] = "claude-haiku-5-5"
    extraction_model: Annotated[str, _about("Claude model that reads facts with evidence."), _MODEL] = (
        "claude-haiku-5-5"
    )
    conversation_model: Annotated[str, _about("Claude model that words the replies."), _MODEL] = "claude-sonnet-5-5"
    crm_model: Annotated[str, _about("Claude model that sums up a conversation for recruiters."), _MODEL] = (
        "claude-haiku-5-5"
    )
    openai_api_key: Annotated[
        SecretStr | None,
        _about("GPT as second tier, embeddings and voice transcription."),
        Var(
            Group.THINKING,
            form="sk-…",
            source="platform.openai.com, API keys",
            security="whoever has it spends your money; set a budget there",
            required=True,
        ),
    ] = None
    openai_base_url: Annotated[
        HttpUrl,
        _about("Where GPT is reached."),
        Var(Group.THINKING, security="candidates' words go to this host"),
    ] = "https://api.openai.com/v1"
    fallback_model: Annotated[str, _about("GPT model used while Claude fails."), _MODEL] = "gpt-5.4-mini"
    embeddings_model: Annotated[
        str, _about("Model that finds requests in unforeseen words by nearness of meaning."), _MODEL
    ] = "text-embedding-3-small"
    embeddings_base_url: Annotated[
        HttpUrl | None,
        _about("Another server of OpenAI's embeddings protocol. Unset: OpenAI's, where OPENAI_API_KEY is set."),
        Var(Group.THINKING, security="candidates' words go to this host; OPENAI_API_KEY does not"),
    ] = None
    embeddings_api_key: Annotated[
        SecretStr | None,
        _about("Key of the server of EMBEDDINGS_BASE_URL, if it wants one."),
        Var(Group.THINKING, source="whoever runs that server"),
    ] = None

    # How long models may think and what that may cost
    turn_thinking_seconds: Annotated[
        Seconds,
        _about("All models of one turn together; then the guided answer. Typing shows for 25 seconds at most."),
        _THOUGHT,
    ] = 24
    router_seconds: Annotated[Seconds, _about("Longest call of the router to one vendor."), _THOUGHT] = 5
    router_max_tokens: Annotated[Count, _about("Most tokens of a router's answer, thinking included."), _THOUGHT] = 2000
    router_effort: Annotated[Effort, _about("How hard the router thinks."), _EFFORT] = "low"
    extraction_seconds: Annotated[Seconds, _about("Longest call of the extraction to one vendor."), _THOUGHT] = 9
    extraction_max_tokens: Annotated[
        Count, _about("Most tokens of an extraction's answer, thinking included."), _THOUGHT
    ] = 4000
    extraction_effort: Annotated[Effort, _about("How hard the extraction thinks."), _EFFORT] = "low"
    conversation_seconds: Annotated[Seconds, _about("Longest call of the conversation to one vendor."), _THOUGHT] = 10
    conversation_max_tokens: Annotated[
        Count, _about("Most tokens of a conversation's answer, thinking included."), _THOUGHT
    ] = 2500
    conversation_effort: Annotated[Effort, _about("How hard the conversation thinks."), _EFFORT] = "low"
    crm_seconds: Annotated[Seconds, _about("Longest call of the recruiters' summary to one vendor."), _THOUGHT] = 6
    crm_max_tokens: Annotated[Count, _about("Most tokens of a recruiters' summary, thinking included."), _THOUGHT] = (
        1500
    )
    crm_effort: Annotated[Effort, _about("How hard the recruiters' summary thinks."), _EFFORT] = "low"
    candidate_daily_usd: Annotated[
        Dollars,
        _about("Most that models may cost for one candidate on one day; then the guided tier answers."),
        Var(Group.THOUGHT, form="number of US dollars"),
    ] = 0.5
    service_hourly_usd: Annotated[
        Dollars,
        _about("Most that models may cost in one hour, over all candidates; then the guided tier answers."),
        Var(Group.THOUGHT, form="number of US dollars"),
    ] = 25
