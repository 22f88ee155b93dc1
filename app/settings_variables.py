"""Every variable that the service reads: type, default, purpose, and where a value comes from.

`app/settings.py` fills these from the environment; `.railway-env.template` is rendered from them
(`python -m app.settings_template`), so that the two cannot drift apart.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr

from app.settings_company import CompanyVariables
from app.settings_thinking import ThinkingVariables
from app.settings_values import (
    Count,
    EncryptionKey,
    EnvironmentName,
    Group,
    HttpUrl,
    LogLevel,
    Percent,
    Port,
    PostgresUrl,
    RecordId,
    RedisUrl,
    Seconds,
    SentryDsn,
    Var,
    WorkerMode,
)


def _about(purpose: str) -> Any:
    return Field(description=purpose)


class Variables(CompanyVariables, ThinkingVariables):
    """The variable of a field is its name in capitals. `None` means that it is not set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # Record and memory
    supabase_url: Annotated[
        HttpUrl | None,
        _about("The Supabase project that keeps candidates, conversations and decisions."),
        Var(
            Group.RECORD, form="https://<ref>.supabase.co", source="Supabase, Project settings, Data API", required=True
        ),
    ] = None
    supabase_key: Annotated[
        SecretStr | None,
        _about("Secret key of the Supabase project (role service_role)."),
        Var(
            Group.RECORD,
            form="sb_secret_…",
            source="Supabase, Project settings, API keys, Secret keys",
            security="passes every row-level rule: never in a browser, never in a repository",
            required=True,
            aliases=("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
        ),
    ] = None
    database_url: Annotated[
        PostgresUrl | None,
        _about("Direct Postgres connection; `python -m app migrate` alone uses it."),
        Var(
            Group.RECORD,
            form="postgresql://postgres.<ref>:<password>@<pooler host>:5432/postgres",
            source="Supabase, Connect, Session pooler (port 5432; the transaction pooler on 6543 does not do)",
            security="owner of the database: set it where migrations run",
        ),
    ] = None
    db_pool_size: Annotated[
        Count,
        _about("Most HTTP connections of one process to Supabase (Supabase itself pools Postgres)."),
        Var(Group.RECORD),
    ] = 20
    redis_url: Annotated[
        RedisUrl | None,
        _about("Redis 8 with JSON and Search, persistence on, eviction off: mailboxes, checkpoints, tasks."),
        Var(
            Group.RECORD,
            form="redis://default:<password>@<host>:6379",
            source="on Railway: ${{Redis.REDIS_URL}}",
            security="holds conversations under way: private network only",
            required=True,
        ),
    ] = None
    state_encryption_key: Annotated[
        EncryptionKey | None,
        _about("Encrypts checkpoints in Redis (AES-GCM). Unset: they are stored as they are."),
        Var(
            Group.RECORD,
            form="32 bytes in base64",
            source="openssl rand -base64 32",
            security="changing it drops the checkpoints; conversations go on from Postgres",
        ),
    ] = None

    # WhatsApp
    dialog360_api_key: Annotated[
        SecretStr | None,
        _about("Key of the WhatsApp number."),
        Var(
            Group.WHATSAPP,
            source="hub.360dialog.com, the number, API key",
            security="writes to candidates in your name",
            required=True,
        ),
    ] = None
    dialog360_base_url: Annotated[
        HttpUrl,
        _about("Where 360Dialog is reached."),
        Var(Group.WHATSAPP, security="the key and all messages go to this host"),
    ] = "https://waba-v2.360dialog.io"
    dialog360_webhook_secret: Annotated[
        SecretStr | None,
        _about("Proves that a webhook comes from 360Dialog (HMAC-SHA256, or the bearer token of our registration)."),
        Var(
            Group.WHATSAPP,
            source="openssl rand -hex 32",
            security="whoever has it can speak as any candidate",
            required=True,
        ),
    ] = None
    whatsapp_verify_token: Annotated[
        SecretStr | None,
        _about("Answers Meta's challenge when the webhook is registered."),
        Var(Group.WHATSAPP, source="openssl rand -hex 32", required=True),
    ] = None

    # Chatwoot
    chatwoot_base_url: Annotated[
        HttpUrl | None,
        _about("The Chatwoot installation."),
        Var(Group.CHATWOOT, form="https://app.chatwoot.com", source="your installation's address", required=True),
    ] = None
    chatwoot_api_token: Annotated[
        SecretStr | None,
        _about("Access token of a user of our own that acts in Chatwoot; what that user writes is no recruiter's."),
        Var(
            Group.CHATWOOT,
            source="Chatwoot, Profile settings, Access token (an administrator's, for `webhooks setup`)",
            security="acts as that user in every inbox",
            required=True,
        ),
    ] = None
    chatwoot_account_id: Annotated[
        RecordId | None,
        _about("Number of the account."),
        Var(Group.CHATWOOT, form="number", source="in Chatwoot's address: /app/accounts/<number>/", required=True),
    ] = None
    chatwoot_inbox_id: Annotated[
        RecordId | None,
        _about("Number of the API inbox that mirrors WhatsApp."),
        Var(Group.CHATWOOT, form="number", source="`python -m app webhooks setup` creates the inbox and prints it"),
    ] = None
    chatwoot_agent_bot_id: Annotated[
        RecordId | None,
        _about("Number of the inbox's agent bot, which signs what the assistant writes; unset, the service user does."),
        Var(Group.CHATWOOT, form="number", source="`python -m app webhooks setup` creates the bot and prints it"),
    ] = None
    chatwoot_webhook_secret: Annotated[
        SecretStr | None,
        _about("Verifies the signature of Chatwoot's webhooks."),
        Var(
            Group.CHATWOOT,
            source="`python -m app webhooks setup` reads it from Chatwoot and prints it",
            security="whoever has it can speak as a recruiter",
            required=True,
        ),
    ] = None

    chatwoot_team_id: Annotated[
        RecordId | None,
        _about("Team that is given what the assistant hands over; unset, no team is."),
        Var(Group.CHATWOOT, form="number", source="`python -m app webhooks setup` creates a team and prints it"),
    ] = None
    chatwoot_handoff_label: Annotated[
        str,
        Field(pattern=r"^[a-z0-9_-]{1,50}$"),
        _about("Label of every conversation that the assistant handed over, beside the one that names the reason."),
        Var(Group.CHATWOOT, form="lower-case letters, digits, - and _"),
    ] = "handoff"
    chatwoot_return_label: Annotated[
        str,
        Field(pattern=r"^[a-z0-9_-]{1,50}$"),
        _about("Label by which recruiters give a conversation back to the assistant, which then takes it off."),
        Var(Group.CHATWOOT, form="lower-case letters, digits, - and _"),
    ] = "assistant"
    chatwoot_bot_messages: Annotated[
        Literal["ignore", "send"],
        _about("What rules, surveys and other bots of Chatwoot write: sent to candidates, or not. Never a takeover."),
        Var(Group.CHATWOOT, form="ignore | send"),
    ] = "ignore"
    human_silence_hours: Annotated[
        float,
        Field(ge=0, le=720, description="A conversation that a person took comes back after this silence; 0 = never."),
        Var(Group.CHATWOOT),
    ] = 0

    # Operations
    environment: Annotated[
        EnvironmentName,
        _about("`production` and `staging` refuse to start with a missing or unfilled variable."),
        Var(Group.OPERATIONS, form="production | staging | development | test"),
    ] = "development"
    log_level: Annotated[
        LogLevel,
        _about("Least severe event that is logged."),
        Var(Group.OPERATIONS, form="DEBUG | INFO | WARNING | ERROR"),
    ] = "INFO"
    ops_token: Annotated[
        SecretStr | None,
        _about("Bearer token of /metrics, /health/detailed and the operations routes. Unset in production: closed."),
        Var(
            Group.OPERATIONS, source="openssl rand -hex 32", security="reads operational figures, re-arms dead letters"
        ),
    ] = None
    sentry_dsn: Annotated[
        SentryDsn | None,
        _about("Where errors are reported; no personal data is sent."),
        Var(Group.OPERATIONS, form="https://<key>@<host>/<project>", source="Sentry, Project settings, Client keys"),
    ] = None
    otel_exporter_otlp_endpoint: Annotated[
        HttpUrl | None,
        _about("OpenTelemetry collector (OTLP over HTTP). Unset: nothing is exported."),
        Var(Group.OPERATIONS),
    ] = None
    git_commit_sha: Annotated[
        str,
        _about("Version shown by /health and sent with errors."),
        Var(Group.OPERATIONS, aliases=("RAILWAY_GIT_COMMIT_SHA",)),
    ] = "unknown"

    # Server and workers
    host: Annotated[str, _about("Address to listen on; empty is every IPv4 and IPv6 address."), Var(Group.SERVER)] = ""
    port: Annotated[Port, _about("Port to listen on; Railway sets it."), Var(Group.SERVER)] = 8000
    web_concurrency: Annotated[
        Count,
        _about("Web processes per replica; lowered when the memory limit would not hold them."),
        Var(Group.SERVER),
    ] = 4
    worker_mode: Annotated[
        WorkerMode,
        _about("`inline`: each web process also runs turns. `off`: only `./start.sh worker` does."),
        Var(Group.SERVER, form="inline | off"),
    ] = "inline"
    worker_concurrency: Annotated[Count, _about("Most turns under way at once in one process."), Var(Group.SERVER)] = (
        200
    )
    drain_seconds: Annotated[
        Seconds,
        _about("Time to finish requests and turns after SIGTERM; keep it below the platform's draining time."),
        Var(Group.SERVER),
    ] = 25

    # Pace of a conversation
    settle_short_seconds: Annotated[
        Seconds, _about("Wait after a button tap or a complete answer before the turn begins."), Var(Group.PACE)
    ] = 1.2
    settle_long_seconds: Annotated[
        Seconds, _about("Wait while the candidate is in the middle of several messages."), Var(Group.PACE)
    ] = 6
    settle_cap_seconds: Annotated[
        Seconds, _about("Longest wait from the first message of a burst to the turn."), Var(Group.PACE)
    ] = 20
    turn_lease_seconds: Annotated[
        Seconds,
        _about("A conversation whose worker died is taken over after this; leases under way are renewed."),
        Var(Group.PACE),
    ] = 8
    send_lease_seconds: Annotated[
        Seconds,
        _about("A send that reported nothing for this long counts as uncertain and is never blindly repeated."),
        Var(Group.PACE),
    ] = 30
    reconcile_seconds: Annotated[
        Seconds,
        _about("How long an uncertain send waits for its status webhook before it is looked at."),
        Var(Group.PACE),
    ] = 60
    reconcile_desk_seconds: Annotated[
        Seconds,
        _about("How often Chatwoot is searched for what its webhooks, which come at most once, did not tell."),
        Var(Group.PACE),
    ] = 120
    interview_remind_seconds: Annotated[
        Seconds, _about("How often reminders of interviews that are due are looked for."), Var(Group.PACE)
    ] = 30
    sweep_seconds: Annotated[
        Seconds, _about("How often due conversations without a wake-up are looked for."), Var(Group.PACE)
    ] = 5
    vendor_timeout_seconds: Annotated[
        Seconds, _about("Longest wait for one answer of 360Dialog, Chatwoot or Supabase."), Var(Group.PACE)
    ] = 10

    # Number of replicas
    railway_token: Annotated[
        SecretStr | None,
        _about("Project token that may change the service's number of replicas."),
        Var(
            Group.SCALING,
            source="Railway, project settings, Tokens (of this environment)",
            security="deploys and changes everything in that environment; give it to the autoscale service alone",
        ),
    ] = None
    railway_api_url: Annotated[HttpUrl, _about("Where Railway's API is reached."), Var(Group.SCALING)] = (
        "https://backboard.railway.com/graphql/v2"
    )
    autoscale_service_id: Annotated[
        str | None,
        _about("Service whose replicas are counted."),
        Var(Group.SCALING, form="uuid", source="on Railway: ${{web.RAILWAY_SERVICE_ID}}"),
    ] = None
    autoscale_min_replicas: Annotated[Count, _about("Never fewer."), Var(Group.SCALING)] = 1
    autoscale_max_replicas: Annotated[Count, _about("Never more."), Var(Group.SCALING)] = 3
    autoscale_cpu_percent: Annotated[
        Percent, _about("More of its CPU limit than this, and replicas are added."), Var(Group.SCALING)
    ] = 80
    autoscale_memory_percent: Annotated[
        Percent, _about("More of its memory limit than this, and replicas are added."), Var(Group.SCALING)
    ] = 80
    autoscale_seconds: Annotated[Seconds, _about("How often the load is looked at."), Var(Group.SCALING)] = 60

    # Set by Railway itself
    railway_environment_id: Annotated[
        str | None, _about("Environment of the deployment, for autoscale."), Var(Group.RAILWAY)
    ] = None
    railway_environment_name: Annotated[
        str | None, _about("Environment of the deployment."), Var(Group.RAILWAY, aliases=("RAILWAY_ENVIRONMENT",))
    ] = None
    railway_public_domain: Annotated[str | None, _about("Public host of the service."), Var(Group.RAILWAY)] = None
    railway_deployment_id: Annotated[str | None, _about("Deployment, for /health/railway."), Var(Group.RAILWAY)] = None
    railway_replica_id: Annotated[
        str | None, _about("Replica, for /health/railway and metrics."), Var(Group.RAILWAY)
    ] = None
    railway_replica_region: Annotated[str | None, _about("Region, for /health/railway."), Var(Group.RAILWAY)] = None

    # Local mode
    local_data_dir: Annotated[
        Path, _about("Where `./start.sh local` keeps its Redis and Postgres data."), Var(Group.LOCAL)
    ] = Path(".local")
