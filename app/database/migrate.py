"""Applies `supabase/migrations` over a direct Postgres connection; safe with several replicas at once."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Migration:
    """One file `<version>_<name>.sql`; `version` is a UTC timestamp yyyymmddHHMMSS."""

    version: str
    name: str
    sql: str


class MigrationError(Exception):
    """The files and the database disagree, or a statement failed; the text says what to do."""


def expected_version(directory: Path) -> str:
    """Version of the newest migration file."""
    raise NotImplementedError


async def migrate(dsn: str, directory: Path) -> list[str]:
    """Apply what is missing, in order; returns the versions applied now."""
    raise NotImplementedError
