"""The guided tier put together."""

from zoneinfo import ZoneInfo

from app.agents.guided.conversation import GuidedConversation
from app.agents.guided.crm import GuidedCrm
from app.agents.guided.extraction import GuidedExtraction
from app.agents.guided.paraphrases import E5, Embed, Nearness, Paraphrases
from app.agents.guided.router import GuidedRouter
from app.agents.outbound import Outbound
from app.agents.roles import AgentContext
from app.recruiting.languages import build_detector
from app.recruiting.phrases import Company, Phrasebook


def guided_context(company: Company, embed: Embed | None = None, nearness: Nearness = E5) -> AgentContext:
    """A context in which every agent is the guided one; without `embed`, word lists alone route.

    Raises ZoneInfoNotFoundError for an unknown time zone.
    """
    zone = ZoneInfo(company.timezone)
    phrasebook = Phrasebook(company)
    detector = build_detector()
    return AgentContext(
        router=GuidedRouter(detector, Paraphrases(embed, nearness) if embed else None),
        extraction=GuidedExtraction(zone, detector),
        conversation=GuidedConversation(phrasebook),
        crm=GuidedCrm(zone),
        phrasebook=phrasebook,
        outbound=Outbound(phrasebook, detector),
        zone=zone,
    )
