"""Mailboxes that are no conversation: delivery statuses and quarantined items, moved to the record in batches."""

from app.database.quarantine import Quarantine, QuarantinedItem
from app.database.statuses import Statuses
from app.mailbox.mailbox import Lease
from app.recruiting.events import Quarantined, StatusReported
from app.telemetry.logs import get_logger
from app.telemetry.metrics import DELIVERY_STATUSES, QUARANTINED

log = get_logger()
QUARANTINE = "quarantine"
STATUSES = "statuses:"


def is_report(address: str) -> bool:
    """True for mailboxes that belong to no conversation."""
    return address == QUARANTINE or address.startswith(STATUSES)


class Reports:
    """Writes reports into the record; repeating a batch changes nothing."""

    def __init__(self, statuses: Statuses, quarantine: Quarantine) -> None:
        self._statuses = statuses
        self._quarantine = quarantine

    async def handle(self, lease: Lease) -> None:
        """Raises RecordError."""
        statuses = [event for event in lease.events if isinstance(event, StatusReported)]
        if statuses:
            await self._fold(statuses)
        items = [event for event in lease.events if isinstance(event, Quarantined)]
        if items:
            kept = [QuarantinedItem(source=i.source, reason=i.reason, body=i.body, received_at=i.at) for i in items]
            await self._quarantine.record(kept)
            for item in items:
                QUARANTINED("whatsapp" if item.source == "360dialog" else "chatwoot").inc()

    async def _fold(self, statuses: list[StatusReported]) -> None:
        folded = await self._statuses.fold(statuses)
        for status in statuses:
            DELIVERY_STATUSES(status.status).inc()
        for failed in folded.failed:
            log.warning("delivery.failed", conversation=failed.address, error_code=failed.error_code)
        if folded.unknown:
            # Messages that other software sends through the same number.
            log.info("statuses.unknown", count=len(folded.unknown))
