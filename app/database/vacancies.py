"""Vacancies in the record, and what became of an application."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from app.database.supabase_pool import SupabasePool
from app.recruiting.vacancy import Vacancy, title_of
from app.telemetry.logs import get_logger

log = get_logger()
# A vacancy that is changed or closed is so for every process after this many seconds.
KEPT_SECONDS = 30.0


class StoredVacancy(msgspec.Struct, kw_only=True):
    """A vacancy with its state in the record and the number of applications."""

    code: str
    status: str
    details: dict[str, Any]
    updated_at: str
    applications: int

    def vacancy(self) -> Vacancy | None:
        """As rules see it, with the record's status. None for one that an older version stored in another form."""
        try:
            return msgspec.structs.replace(msgspec.convert(self.details, Vacancy), status=self.status)
        except msgspec.ValidationError:
            # One unreadable vacancy must not stop the conversations about it.
            log.error("vacancy.unreadable", reason="load_it_again")  # noqa: TRY400 the text could quote the file
            return None


class Application(msgspec.Struct, kw_only=True):
    """One candidate and one vacancy."""

    status: str
    must_have_results: list[dict[str, Any]]
    score: dict[str, Any] | None
    decided_by: str | None


class _Changed(msgspec.Struct):
    changed: list[str]


class Closed(msgspec.Struct):
    """`closed` now; `known` = there is such a code."""

    closed: bool
    known: bool


class Vacancies:
    """Every call is one round trip. Raises RecordError.

    What turns ask for is kept for half a minute: the same few vacancies are looked up by every conversation.
    """

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool
        self._by_code: dict[str, tuple[float, Vacancy]] = {}
        self._open: tuple[float, list[Vacancy]] = (0.0, [])

    async def store(self, vacancies: Sequence[Vacancy]) -> list[str]:
        """Insert or update by code; the codes that this changed."""
        answer: _Changed = await self._pool.call("store_vacancies", stored_form(vacancies), _Changed)
        self._by_code.clear()
        self._open = (0.0, [])
        return answer.changed

    async def all(self) -> list[StoredVacancy]:
        """Open and closed, by code."""
        return await self._pool.call("find_vacancies", {}, list[StoredVacancy])

    async def close(self, code: str) -> Closed:
        """Nobody applies any more; what was said of it stays."""
        return await self._pool.call("close_vacancy", {"code": code}, Closed)

    async def find(self, code: str) -> Vacancy | None:
        """Open or closed; None if there is none. At most half a minute old."""
        if (kept := self._by_code.get(code)) is not None and time.monotonic() < kept[0]:
            return kept[1]
        found: list[StoredVacancy] = await self._pool.call("find_vacancies", {"codes": [code]}, list[StoredVacancy])
        vacancy = found[0].vacancy() if found else None
        if vacancy is not None:
            self._by_code[code] = (time.monotonic() + KEPT_SECONDS, vacancy)
        return vacancy

    async def open(self) -> list[Vacancy]:
        """All that candidates may apply for, by code. At most half a minute old."""
        until, kept = self._open
        if time.monotonic() < until:
            return kept
        found: list[StoredVacancy] = await self._pool.call("find_vacancies", {"status": "open"}, list[StoredVacancy])
        opened = [vacancy for each in found if (vacancy := each.vacancy()) is not None]
        self._open = (time.monotonic() + KEPT_SECONDS, opened)
        return opened

    async def application(self, candidate_id: str, code: str) -> Application | None:
        """What the record holds of a candidate for a vacancy."""
        p = {"candidate_id": candidate_id, "vacancy": code}
        return await self._pool.call("find_application", p, Application | None)


def stored_form(vacancies: Sequence[Vacancy]) -> dict[str, Any]:
    """What `store_vacancies` takes. The status lies in its column alone."""
    return {
        "vacancies": [
            {
                "code": vacancy.code,
                "title": title_of(vacancy),
                "country": vacancy.country,
                "status": vacancy.status,
                "details": msgspec.to_builtins(msgspec.structs.replace(vacancy, status="")),
            }
            for vacancy in vacancies
        ]
    }
