"""What `python -m app migrate` says when the database refuses: one line that tells what to do, never a password."""

import ssl

import asyncpg

from app.database.migrate import MigrationError

# Whatever a database, the way to it or its address can be at fault for.
REFUSALS = (MigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_ADDRESS = "copy the session pooler's address (port 5432) from Supabase, Connect"
# SQLSTATE, or the class of them that its first two characters name → what to do about it.
_ADVICE = {
    "28": f"the database refuses the user or the password in DATABASE_URL: {_ADDRESS}, and write special characters of "
    "the password percent-encoded",
    "3D000": f"the database named in DATABASE_URL does not exist: {_ADDRESS}",
    "42501": "the user in DATABASE_URL may not change this database: use the project's user `postgres`, which owns it",
    "53": "the database has no room (connections, memory or disk): look at its dashboard, then run this again",
    "57P03": "the database is starting or stopping: run this again in a minute",
    "57": "the database ended the connection: run this again",
    "08": "the connection to the database broke: run this again",
    "55P03": "another session holds what a migration needs: end it, then run this again",
    "25006": f"the database takes no changes (read-only): use the primary in DATABASE_URL; {_ADDRESS}",
    "XX": f"the database or its pooler failed: {_ADDRESS}; its user is postgres.<project>",
}


def migration_refusal(error: Exception) -> str:
    """One line about the failed migration: what happened, and what to do."""
    if isinstance(error, MigrationError):
        return " ".join(str(error).split())
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        advice = _ADVICE.get(state) or _ADVICE.get(state[:2]) or "look the code up in Postgres' manual, appendix A"
        # The server's own words: it knows the user's name and the database's, the password only as a proof.
        return " ".join(f"{advice} ({state} {error.message})".split())
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        # Its text may quote parts of the address.
        return f"DATABASE_URL cannot be used as it is, or the connection broke: {_ADDRESS}"
    if isinstance(error, TimeoutError):
        return f"the database in DATABASE_URL does not answer in time: {_ADDRESS}; the direct host is IPv6 only"
    if isinstance(error, ssl.SSLError):
        return f"no encrypted connection to the database in DATABASE_URL ({error.reason}): check `sslmode` there"
    return " ".join(f"the database in DATABASE_URL cannot be reached ({error}): {_ADDRESS}".split())
