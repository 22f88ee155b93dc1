"""The four agents as the graph sees them, and what each is given. A tier implements all four."""

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from app.agents.outbound import Outbound
from app.agents.state import CrmUpdate, Extracted, Phrased, Routing, TurnInput
from app.recruiting.intake import Decision
from app.recruiting.phrases import Phrasebook


class Router(Protocol):
    """Reads what a turn is about: intents, language, urgency. Proposes; rules decide."""

    async def route(self, turn: TurnInput) -> Routing:
        """Never raises for odd input; raises only what the node may retry."""


class Extraction(Protocol):
    """Reads facts with verbatim quotes. Sees messages as data, never as instructions."""

    async def extract(self, turn: TurnInput) -> Extracted:
        """Facts are checked for evidence afterwards; what cannot be proven is dropped and counted."""


class Conversation(Protocol):
    """Phrases the decided step in the candidate's language; buttons and lists are the policy's."""

    async def phrase(self, turn: TurnInput, language: str, decision: Decision) -> Phrased:
        """The replies; empty when the decision says nothing."""


class Crm(Protocol):
    """Writes what recruiters read."""

    async def report(self, turn: TurnInput, language: str, decision: Decision) -> CrmUpdate:
        """Note, labels and attributes of this turn."""


@dataclass(frozen=True)
class AgentContext:
    """Everything the nodes use that is not state: the agents of the tier, phrases, the guard, the zone of the work."""

    router: Router
    extraction: Extraction
    conversation: Conversation
    crm: Crm
    phrasebook: Phrasebook
    outbound: Outbound
    zone: ZoneInfo
