"""A real Postgres 18 from a wheel, started for this process and gone with it; its data stay.

Postgres refuses to run as root, so that root drops to an unprivileged account. Neither the data directory nor the
programs need be reachable for that account: see `_Place` and `app.local.postgres_programs`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.local.errors import LocalServerError
from app.local.postgres_bootstrap import BOOTSTRAP
from app.local.postgres_programs import Account, Programs, account_for, find_programs
from app.local.tether import tethered

SUPERUSER = "supabase_admin"  # Supabase's name; `postgres` is no superuser there, nor here
START_SECONDS = 60.0  # crash recovery of a large log may take a while
STOP_SECONDS = 15.0
LEAVING_SECONDS = 3.0  # a server whose starter was killed needs a moment to leave the data directory
LARGEST_LOG = 5_000_000  # bytes; a longer one is begun anew at the next start
LONGEST_SOCKET_DIRECTORY = 85  # sun_path holds 107 bytes; ".s.PGSQL.5432" and room for the lock file's suffix

# 24 connections of the gateway, the migrator, psql; small buffers: it shares the machine with everything else.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "io_method": "sync",  # three worker processes less
    "jit": "off",  # compiles longer than our statements run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# Tests may lose everything at a power cut and gain speed.
_VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


@dataclass(frozen=True)
class _Place:
    """How Postgres names its own data directory.

    An unprivileged account cannot walk through a directory that only root may enter. It can use its own
    working directory, into which root put it: `/proc/self/cwd` leads there without a walk, in the server and in every
    process it forks. So root needs to open no directory to others.
    """

    directory: Path
    account: Account | None

    @property
    def name(self) -> str:
        return "/proc/self/cwd" if self.account else str(self.directory)


class _InUseError(LocalServerError):
    """Another server holds the data directory."""


class PostgresServer:
    """One server on one data directory. `dsn` is valid from `start` on and the same after each restart."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.log_file = self.data_dir.with_name(self.data_dir.name + ".log")
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._sockets: Path = self.data_dir
        self._own_sockets: Path | None = None

    @property
    def dsn(self) -> str:
        """Connection string of the role that owns the schema, as on Supabase."""
        return f"postgresql://postgres@/postgres?host={self._sockets}"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 while it is stopped."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    async def start(self) -> None:
        """Start, creating the data directory when there is none. Raises LocalServerError with what to do."""
        account = account_for(self.data_dir)
        programs = await asyncio.to_thread(find_programs, account)
        if not _is_initialised(self.data_dir):
            await asyncio.to_thread(_initialise, self.data_dir, programs, account)
        self._choose_sockets(account)
        place = _Place(self.data_dir, account)
        patience = time.monotonic() + LEAVING_SECONDS
        while True:
            try:
                await self._start_once(programs, place)
            except _InUseError:
                if time.monotonic() > patience:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def _start_once(self, programs: Programs, place: _Place) -> None:
        process = self._process = self._spawn(programs, place)
        try:
            await self._bootstrap(process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End sessions, write everything out and leave; forced after STOP_SECONDS."""
        process, self._process = self._process, None
        if process is not None:
            for farewell in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, kill
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(farewell)
                if await _ended(process, STOP_SECONDS):
                    break
        if self._own_sockets is not None:
            shutil.rmtree(self._own_sockets, ignore_errors=True)
            self._own_sockets = None

    def _choose_sockets(self, account: Account | None) -> None:
        """The socket lies in the data directory unless that path is longer than the kernel allows."""
        if len(os.fsencode(self.data_dir)) <= LONGEST_SOCKET_DIRECTORY:
            return
        self._own_sockets = self._sockets = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if account:
            os.chown(self._sockets, account.uid, account.gid)

    def _spawn(self, programs: Programs, place: _Place) -> subprocess.Popen[bytes]:
        account = place.account
        sockets = place.name if self._sockets == self.data_dir else str(self._sockets)
        settings = {**_SETTINGS, **({} if self._durable else _VOLATILE), "unix_socket_directories": sockets}
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = tethered(
            [str(programs.postgres), "-D", place.name, *options],
            farewell=signal.SIGINT,
            uid=account.uid if account else None,
            gid=account.gid if account else None,
        )
        with self.log_file.open("ab") as log:
            if log.tell() > LARGEST_LOG:
                log.truncate(0)
            self._log_start = log.seek(0, os.SEEK_END)
            # A session of its own: Ctrl-C in the terminal is for us, we stop the server after our own work is done.
            return subprocess.Popen(
                command, cwd=place.directory, env=programs.environment, stdout=log, stderr=log, start_new_session=True
            )

    async def _bootstrap(self, process: subprocess.Popen[bytes]) -> None:
        connection = await self._connect(process)
        try:
            await connection.execute(BOOTSTRAP)
        finally:
            await connection.close()

    async def _connect(self, process: subprocess.Popen[bytes]) -> asyncpg.Connection:
        """Wait until the server accepts; a server that ended instead tells its reason."""
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            # Another instance on the same directory would answer at the same socket while ours is being refused.
            if self._holds_the_lock(process.pid):
                with contextlib.suppress(
                    OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, TimeoutError
                ):
                    return await asyncpg.connect(self.dsn, user=SUPERUSER, ssl=False, timeout=5)
            await asyncio.sleep(0.02)
        if process.poll() is not None:
            raise _refusal(self.data_dir, self.log_file, self._log_start)
        raise LocalServerError(
            f"Postgres did not become ready within {START_SECONDS:.0f} s; its log is {self.log_file}."
        )

    def _holds_the_lock(self, pid: int) -> bool:
        """First line of postmaster.pid is the server's process id."""
        try:
            return (self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0] == str(pid)
        except FileNotFoundError:
            return False


@asynccontextmanager
async def postgres_server(data_dir: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Run Postgres on `data_dir` for the length of the block; yields the DSN of role `postgres`."""
    server = PostgresServer(data_dir, durable=durable)
    await server.start()
    try:
        yield server.dsn
    finally:
        await server.stop()


async def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def _is_initialised(data_dir: Path) -> bool:
    """False for a directory that is missing or empty; a foreign one is refused rather than overwritten."""
    if not data_dir.exists() or not any(data_dir.iterdir()):
        return False
    version = data_dir / "PG_VERSION"
    if not version.is_file():
        raise LocalServerError(f"{data_dir} is not a Postgres data directory (no PG_VERSION). {_start_fresh(data_dir)}")
    found = version.read_text().strip()
    if found != Programs.MAJOR:
        raise LocalServerError(
            f"{data_dir} was written by Postgres {found}, this is Postgres {Programs.MAJOR}. {_start_fresh(data_dir)}"
        )
    return True


def _initialise(data_dir: Path, programs: Programs, account: Account | None) -> None:
    """Create the cluster beside its place and move it there, so that an interrupted run leaves nothing half-made."""
    draft = data_dir.with_name(data_dir.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    if account:
        os.chown(draft, account.uid, account.gid)
    command = [str(programs.initdb), "-D", _Place(draft, account).name, "-U", SUPERUSER, "--auth=trust"]
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    result = subprocess.run(
        command,
        cwd=draft,
        env=programs.environment,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise LocalServerError(f"Postgres could not create its data in {data_dir}: {result.stderr.strip()[-500:]}")
    draft.rename(data_dir)


def _refusal(data_dir: Path, log_file: Path, log_start: int) -> LocalServerError:
    """One line from the log of a server that ended during its start."""
    lines = log_file.read_bytes()[log_start:].decode(errors="replace").splitlines()
    reasons = [line.split(": ", 1)[-1].strip() for line in lines if "FATAL:" in line or "PANIC:" in line]
    reason = reasons[-1] if reasons else (lines[-1] if lines else "no reason given")
    if "lock file" in reason and "already exists" in reason:
        return _InUseError(
            f"{data_dir} is in use by another running instance. Stop that one or choose another LOCAL_DATA_DIR."
        )
    return LocalServerError(
        f"Postgres cannot use {data_dir}: {reason}. {_start_fresh(data_dir)} The whole log is {log_file}."
    )


def _start_fresh(data_dir: Path) -> str:
    return f"Start with --fresh to begin empty (this deletes the local data), or restore a backup of {data_dir}."
