"""Builds the recruiters' side: both lanes, what is shown of outcomes, commands, reconciliation."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis

from app.channels.chatwoot import Chatwoot
from app.channels.chatwoot_files import ChatwootFiles, ChatwootUploads
from app.channels.chatwoot_inbound import Reading
from app.channels.media import WhatsAppMedia
from app.channels.whatsapp import WhatsApp
from app.database.outbox import Channel
from app.database.record import Record
from app.engine.commands import Commands
from app.engine.delivery import Lane
from app.engine.desk_lane import ChatwootLane
from app.engine.desk_outcomes import DeskOutcomes, Templates
from app.engine.desk_work import DeskWork
from app.engine.interview_orders import InterviewOrders
from app.engine.interviews import InterviewChoices
from app.engine.lanes import WhatsAppLane
from app.engine.reconciliation import Reconciliation
from app.engine.reminders import Reminders
from app.engine.thinking import GraphThinker
from app.engine.vacancy_link import VacancyLinks
from app.engine.wakeups import Wakeups
from app.mailbox.intake import Intake
from app.mailbox.mailbox import Mailbox
from app.recruiting.phrases import Phrasebook
from app.settings import Settings
from app.wiring_minds import company_of


@dataclass(frozen=True)
class Vendors:
    """HTTP clients; `storage` follows recruiters' attachments and carries no key."""

    dialog360: httpx.AsyncClient
    chatwoot: httpx.AsyncClient
    storage: httpx.AsyncClient


@dataclass(frozen=True)
class DeskParts:
    """What the engine is given."""

    whatsapp: WhatsApp
    lanes: dict[Channel, Lane]
    outcomes: DeskOutcomes
    work: DeskWork
    interviews: InterviewChoices
    reminders: Reminders
    reconciliation: Reconciliation


def desk_of(
    settings: Settings,
    vendors: Vendors,
    record: Record,
    redis: Redis,
    mailbox: Mailbox,
    intake: Intake,
    wakeups: Wakeups,
    thinker: GraphThinker,
    reading: Callable[[], Reading],
) -> DeskParts:
    """One set per process."""
    account = settings.chatwoot_account_id or 0
    whatsapp, media = WhatsApp(vendors.dialog360), WhatsAppMedia(vendors.dialog360, redis)
    templates, phrasebook = Templates(whatsapp), Phrasebook(company_of(settings))
    chatwoot = Chatwoot(
        vendors.chatwoot,
        account_id=account,
        inbox_id=settings.chatwoot_inbox_id or 0,
        agent_bot_id=settings.chatwoot_agent_bot_id or 0,
    )
    files = ChatwootFiles(vendors.storage, str(vendors.chatwoot.base_url))
    uploads = ChatwootUploads(vendors.chatwoot, account_id=account)
    reconciliation = Reconciliation(
        chatwoot,
        record.desk,
        record.outbox,
        mailbox,
        intake,
        silence_seconds=settings.human_silence_hours * 3600,
        reading=reading,
    )
    return DeskParts(
        whatsapp=whatsapp,
        lanes={
            Channel.WHATSAPP: WhatsAppLane(whatsapp, media, files, record.conversations, record.desk),
            Channel.CHATWOOT: ChatwootLane(chatwoot, uploads, media, record.conversations, record.desk, mailbox),
        },
        outcomes=DeskOutcomes(record.desk, record.outbox, chatwoot, templates, wakeups),
        work=DeskWork(
            record.desk,
            chatwoot,
            Commands(
                record.conversations,
                record.outbox,
                templates,
                mailbox,
                wakeups,
                VacancyLinks(record.vacancies),
                InterviewOrders(record.interviews, record.vacancies, phrasebook, templates),
            ),
            erase_thinking=thinker.erase,
            find_overtaken=reconciliation.find_overtaken,
            returned=lambda language: phrasebook.text(language, "returned"),
            team_id=settings.chatwoot_team_id or 0,
            return_label=settings.chatwoot_return_label,
            handoff_label=settings.chatwoot_handoff_label,
        ),
        interviews=InterviewChoices(record.interviews, record.vacancies, phrasebook),
        reminders=Reminders(
            record.interviews,
            record.conversations,
            record.vacancies,
            wakeups,
            templates,
            phrasebook,
            template=settings.interview_reminder_template or "",
        ),
        reconciliation=reconciliation,
    )
