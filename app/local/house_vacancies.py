"""The examples for a database that has no vacancies, so that codes, `/match` and `/interview` can be tried at once."""

import datetime as dt
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import orjson

FOLDER: Final = Path(__file__).parents[2] / "examples"
EXAMPLES: Final = FOLDER / "vacancies.toml"
TIMES: Final = FOLDER / "interviews.toml"
_NOTICE: Final = dt.timedelta(days=2)
_WEEK: Final = dt.timedelta(weeks=1)


async def load_examples(dsn: str) -> list[str]:
    """Codes of the vacancies that were loaded; none where there are any, or the file is gone or faulty.

    Times for interviews come with them, on the weekdays of their file in the week that begins the day after tomorrow.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if not EXAMPLES.exists() or await connection.fetchval("select exists (select from public.vacancies)"):
            return []
        # Measured: 0.2 s of imports that only the first start needs.
        from app.database.vacancies import stored_form  # noqa: PLC0415
        from app.recruiting.vacancy_file import check_file  # noqa: PLC0415

        found = check_file(EXAMPLES).vacancies
        await connection.execute("select public.store_vacancies($1::jsonb)", orjson.dumps(stored_form(found)).decode())
        times = orjson.dumps({"slots": _times(dt.datetime.now(dt.UTC))}).decode()
        await connection.execute("select public.store_interview_slots($1::jsonb)", times)
        return [vacancy.code for vacancy in found]
    finally:
        await connection.close()


def _times(now: dt.datetime) -> list[dict[str, Any]]:
    from app.recruiting.slot_file import check_slots  # noqa: PLC0415 as above

    slots = check_slots(TIMES, dt.datetime.min.replace(tzinfo=dt.UTC)).slots if TIMES.exists() else []
    first = (now + _NOTICE).date()
    moved = []
    for slot in slots:
        weeks = (slot.starts.date() - first).days // _WEEK.days
        moved.append(msgspec.structs.replace(slot, starts=slot.starts - weeks * _WEEK).stored())
    return moved
