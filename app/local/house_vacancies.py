"""The example vacancies for a database that has none, so that codes, pitch and `/match` can be tried at once."""

from pathlib import Path
from typing import Final

import asyncpg
import orjson

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "vacancies.toml"


async def load_examples(dsn: str) -> list[str]:
    """Codes of the vacancies that were loaded; none where there are any, or the file is gone or faulty."""
    connection = await asyncpg.connect(dsn)
    try:
        if not EXAMPLES.exists() or await connection.fetchval("select exists (select from public.vacancies)"):
            return []
        # Measured: 0.2 s of imports that only the first start needs.
        from app.database.vacancies import stored_form  # noqa: PLC0415
        from app.recruiting.vacancy_file import check_file  # noqa: PLC0415

        found = check_file(EXAMPLES).vacancies
        await connection.execute("select public.store_vacancies($1::jsonb)", orjson.dumps(stored_form(found)).decode())
        return [vacancy.code for vacancy in found]
    finally:
        await connection.close()
