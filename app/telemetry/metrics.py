"""Every metric of the service, declared once. No label can grow without bound: `Bounded` sees to that.

Use: `TURN_SECONDS("committed", "claude").observe(2.1)`; label values stand in declared order, cached per process.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.metrics_registry import INFO, Bounded, counter, gauge, histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_VENDOR = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TURN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 90.0, 150.0)
_LLM = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUS_CLASSES: Final = frozenset({"1xx", "2xx", "3xx", "4xx", "5xx"})
CHANNELS: Final = frozenset({"whatsapp", "chatwoot"})
VENDORS: Final = frozenset({"360dialog", "chatwoot", "supabase", "anthropic", "openai", "railway"})
TIERS: Final = frozenset({"claude", "gpt", "guided", "scripted", "none"})
PROVIDERS: Final = frozenset({"anthropic", "openai", "local"})
AGENTS: Final = frozenset({"router", "extraction", "conversation", "crm", "embedding", "transcription"})

# HTTP: rate, errors, duration
HTTP_REQUESTS: Final[Bounded[Counter]] = Bounded(
    counter("http_requests_total", "Requests answered.", ("route", "method", "status_class")),
    100,
    METHODS,
    STATUS_CLASSES,
)
HTTP_SECONDS: Final[Bounded[Histogram]] = Bounded(
    histogram("http_request_duration_seconds", "Time to the end of the answer.", _FAST, ("route",)), 100
)
HTTP_IN_FLIGHT: Final = gauge("http_requests_in_flight", "Requests under way.", mode="livesum")

# Webhooks
WEBHOOK_REQUESTS: Final[Bounded[Counter]] = Bounded(
    counter("webhook_requests_total", "Webhook posts by what became of them.", ("channel", "outcome")),
    CHANNELS,
    frozenset({"accepted", "verified", "rejected_signature", "rejected_body", "too_large", "unavailable"}),
)
WEBHOOK_EVENTS: Final[Bounded[Counter]] = Bounded(
    counter("webhook_events_total", "Events inside webhook posts.", ("channel", "outcome")),
    CHANNELS,
    frozenset({"stored", "duplicate", "ignored", "quarantined"}),
)
WEBHOOK_STORE_SECONDS: Final = histogram(
    "webhook_store_duration_seconds", "From parsed body to confirmed storage in Redis.", _FAST
)

# Mailbox
MAILBOX_DUE: Final = gauge("mailbox_conversations_due", "Conversations with events that wait for a turn.")
MAILBOX_OLDEST: Final = gauge("mailbox_oldest_age_seconds", "Age of the oldest event that no turn has taken.")

# Turns
TURN_SECONDS: Final[Bounded[Histogram]] = Bounded(
    histogram("turn_duration_seconds", "From lease to committed and delivered.", _TURN, ("outcome", "tier")),
    frozenset(
        {
            *(
                "committed",
                "silent",
                "repeated",
                "folded",
                "erased",
            ),  # ended; silent: nobody was answered
            *("stale", "taken_over", "interview_changed"),  # opened again
            *("lost", "postponed", "failed"),  # lease lost, a server away, an error: tried again
        }
    ),
    TIERS,
)
TURNS_IN_FLIGHT: Final = gauge("turns_in_flight", "Turns under way.", mode="livesum")
TURN_MESSAGES: Final = histogram(
    "turn_coalesced_messages", "Candidate messages answered by one turn.", (1, 2, 3, 5, 8, 13, 21)
)
TURN_RESTARTS: Final = counter("turn_restarts_total", "Turns begun anew because the candidate wrote on.")
REPLY_SECONDS: Final = histogram("reply_latency_seconds", "From a burst's last message to the first reply.", _TURN)

# Delivery
DELIVERIES: Final[Bounded[Counter]] = Bounded(
    counter("deliveries_total", "Outbox rows by what became of the send.", ("channel", "outcome", "error_class")),
    CHANNELS,
    frozenset({"sent", "retry", "failed", "uncertain", "cancelled", "dead"}),
    frozenset(
        {
            "none", "throttled", "timeout", "network", "server", "auth", "window_closed", "recipient", "content",
            "template", "media", "not_found", "policy", "taken_over", "circuit_open",
        }
    ),
)  # fmt: skip
DELIVERY_STATUSES: Final[Bounded[Counter]] = Bounded(
    counter("delivery_statuses_total", "Status reports folded into the outbox.", ("status",)),
    frozenset({"sent", "delivered", "read", "played", "failed", "unknown"}),
)
OUTBOX_WAITING: Final[Bounded[Gauge]] = Bounded(
    gauge("outbox_rows_waiting", "Outbox rows that are due and not sent.", ("channel",)), CHANNELS
)
OUTBOX_OLDEST: Final[Bounded[Gauge]] = Bounded(
    gauge("outbox_oldest_age_seconds", "Age of the oldest outbox row that is due and not sent.", ("channel",)), CHANNELS
)
DEAD_LETTERS: Final[Bounded[Gauge]] = Bounded(
    gauge("dead_letters_waiting", "Dead letters that wait for a person.", ("kind",)), frozenset({"turn", "outbox"})
)
DEAD_LETTERS_MADE: Final[Bounded[Counter]] = Bounded(
    counter("dead_letters_total", "What was given up after its last try.", ("kind",)), frozenset({"turn", "outbox"})
)
QUARANTINED: Final[Bounded[Counter]] = Bounded(
    counter("quarantined_items_total", "Malformed items set aside, raw.", ("source",)), CHANNELS
)

# Vendors
VENDOR_SECONDS: Final[Bounded[Histogram]] = Bounded(
    histogram("vendor_request_duration_seconds", "One HTTP call to a vendor.", _VENDOR, ("vendor", "outcome")),
    VENDORS,
    frozenset({"ok", "rejected", "throttled", "server_error", "timeout", "network"}),
)
BREAKER_STATE: Final[Bounded[Gauge]] = Bounded(
    gauge("vendor_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open.", ("vendor",), mode="livemax"),
    VENDORS,
)

# Models
LLM_SECONDS: Final[Bounded[Histogram]] = Bounded(
    histogram("llm_request_duration_seconds", "One model call.", _LLM, ("provider", "agent", "outcome")),
    PROVIDERS,
    AGENTS,
    frozenset(
        {
            "ok", "refused", "malformed", "truncated", "throttled", "server_error", "timeout", "network", "rejected",
            "error",
        }
    ),
)  # fmt: skip
LLM_TOKENS: Final[Bounded[Counter]] = Bounded(
    counter("llm_tokens_total", "Tokens.", ("provider", "model", "kind")),
    PROVIDERS,
    20,
    frozenset({"input", "output", "cache_read", "cache_write"}),
)
LLM_COST: Final[Bounded[Counter]] = Bounded(
    counter("llm_cost_usd_total", "Estimated cost in US dollars.", ("provider", "model", "purpose")),
    PROVIDERS,
    20,
    AGENTS,
)
LLM_FALLBACKS: Final[Bounded[Counter]] = Bounded(
    counter("llm_fallbacks_total", "Turns that left a tier for a plainer one.", ("tier", "reason")),
    TIERS,
    frozenset({"error", "timeout", "circuit_open", "budget", "no_key", "guard"}),
)

# Business
HANDOFFS: Final[Bounded[Counter]] = Bounded(
    counter("handoffs_total", "Conversations that the assistant gave to a person.", ("reason",)), 30
)
OWNERSHIP: Final[Bounded[Counter]] = Bounded(
    counter("ownership_changes_total", "Who may speak changed.", ("owner",)),
    frozenset({"assistant", "human", "nobody"}),
)
CONSENTS: Final[Bounded[Counter]] = Bounded(
    counter("consents_total", "Consent records written.", ("purpose", "granted")), 10, frozenset({"true", "false"})
)
OPT_OUTS: Final = counter("opt_outs_total", "Candidates who wrote STOP.")
INTERVIEWS: Final[Bounded[Counter]] = Bounded(
    counter("interviews_total", "Invitations to interviews, and bookings by what became of them.", ("state",)),
    frozenset({"invited", "booked", "moved", "cancelled", "declined", "ended", "reminded", "done"}),
)
FACTS_STORED: Final[Bounded[Counter]] = Bounded(
    counter("facts_stored_total", "Facts stored with evidence.", ("source",)),
    frozenset({"chat", "voice", "cv", "recruiter"}),
)
FACTS_REJECTED: Final[Bounded[Counter]] = Bounded(
    counter("facts_rejected_total", "Proposed facts that were not stored.", ("reason",)),
    frozenset({"no_evidence", "value_unsupported", "undecided", "forbidden_field", "malformed", "no_statement"}),
)
GUARD_BLOCKS: Final[Bounded[Counter]] = Bounded(
    counter("guard_blocks_total", "Drafted replies that were not sent.", ("rule",)), 30
)
DESK_HALTED: Final = gauge("desk_halted", "1 while Chatwoot refuses our access token.", mode="livemax")
RECONCILED_GAPS: Final = counter(
    "desk_reconciled_gaps_total", "Acts of recruiters that no webhook had brought; reconciliation found them."
)
MUTED_WAITING: Final = gauge(
    "assistant_muted_waiting_conversations", "Candidates who wait while nobody, or a silent person, owns the talk."
)

# Checkpoints
CHECKPOINT_BYTES: Final = histogram(
    "checkpoint_size_bytes", "One stored checkpoint.", (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6)
)

# The processes themselves
LOOP_LAG: Final = gauge("worker_event_loop_lag_seconds", "Slowest process's event loop delay.", mode="livemax")
MEMORY: Final = gauge("worker_memory_rss_bytes", "Resident memory, shared pages counted per process.", mode="livesum")
OPEN_FILES: Final = gauge("worker_open_files", "Open file descriptors.", mode="livesum")
WORKER_CRASHES: Final = counter("worker_crashes_total", "Times the task worker ended in an error and was begun anew.")
WORKERS: Final = gauge("worker_processes", "Live processes of this replica.", mode="livesum")
COMPONENT: Final[Bounded[Gauge]] = Bounded(
    gauge("component_status", "Health by component: 1 pass, 0.5 warn, 0 fail.", ("component",), mode="livemin"), 30
)


def name_build(*, commit: str, environment: str, replica: str, region: str) -> None:
    """Fill the labels of `app_info`; the replica tells apart the targets behind one public address."""
    INFO.labels = {"commit": commit, "environment": environment, "replica": replica, "region": region}


def status_class(status: int) -> str:
    """`2xx` of 204."""
    return _CLASSES[status // 100] if 100 <= status < 600 else "other"


_CLASSES: Final = ("", "1xx", "2xx", "3xx", "4xx", "5xx")
