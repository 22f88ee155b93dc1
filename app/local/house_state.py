"""Files of a house in its data directory: who lives there, where its parts are reached, the secrets it made up."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from app.local.errors import LocalServerError

_STATE: Final = "house.json"
_SECRETS: Final = "secrets.json"
_LOCK: Final = "house.lock"


class HouseState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running house is reached. Parts: service, 360dialog, chatwoot, supabase, redis, postgres.

    A part that the variables replaced is missing from `urls`: the house knows nothing of its inside.
    """

    pid: int
    urls: dict[str, str]
    ops_token: str

    def url(self, part: str) -> str:
        """Raises LocalServerError for a part that the variables replaced."""
        if part not in self.urls:
            raise LocalServerError(f"the running platform uses a {part} of its own variables, not the local one")
        return self.urls[part]


class HouseSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Keys between the parts of one house, made once per data directory; worth nothing outside of it."""

    supabase_key: str
    supabase_anon_key: str
    dialog360_api_key: str
    dialog360_webhook_secret: str
    whatsapp_verify_token: str
    chatwoot_api_token: str
    chatwoot_webhook_secret: str
    ops_token: str
    state_encryption_key: str  # 32 bytes in base64


def write_state(data_dir: Path, state: HouseState) -> None:
    """Readable for its owner alone: the URLs carry passwords."""
    _write_private(data_dir / _STATE, msgspec.json.format(msgspec.json.encode(state), indent=2))


def remove_state(data_dir: Path) -> None:
    (data_dir / _STATE).unlink(missing_ok=True)


def read_state(data_dir: Path) -> HouseState:
    """Where the running house is. Raises LocalServerError when none runs on `data_dir`."""
    try:
        state = msgspec.json.decode((data_dir / _STATE).read_bytes(), type=HouseState)
        os.kill(state.pid, 0)
    except PermissionError:
        raise LocalServerError(f"the local platform on {data_dir} was started by another user") from None
    except (FileNotFoundError, ProcessLookupError):
        raise LocalServerError(f"nothing runs on {data_dir}; start it in another terminal: ./start.sh local") from None
    except msgspec.DecodeError:
        raise LocalServerError(f"{data_dir / _STATE} is damaged; stop ./start.sh local and start it again") from None
    return state


def keep_secrets(data_dir: Path) -> HouseSecrets:
    """The secrets of the data directory, made at its first use."""
    path = data_dir / _SECRETS
    try:
        return msgspec.json.decode(path.read_bytes(), type=HouseSecrets)
    except FileNotFoundError:
        pass
    except msgspec.DecodeError:
        raise LocalServerError(f"{path} is damaged; start empty with `./start.sh local --fresh`") from None
    made = HouseSecrets(
        supabase_key=f"sb_secret_{secrets.token_urlsafe(24)}",
        supabase_anon_key=f"sb_publishable_{secrets.token_urlsafe(24)}",
        dialog360_api_key=secrets.token_urlsafe(24),
        dialog360_webhook_secret=secrets.token_hex(32),
        whatsapp_verify_token=secrets.token_hex(32),
        chatwoot_api_token=secrets.token_urlsafe(18),
        chatwoot_webhook_secret=secrets.token_urlsafe(24),
        ops_token=secrets.token_hex(32),
        state_encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    _write_private(path, msgspec.json.format(msgspec.json.encode(made), indent=2))
    return made


@contextmanager
def sole_tenant(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for the length of the block. Raises LocalServerError naming the present tenant.

    The kernel gives the lock back when the process dies, however it dies.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise LocalServerError(
            f"the data directory {data_dir} cannot be used ({fault.strerror}); choose another with LOCAL_DATA_DIR"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tenant = os.read(lock, 20).decode(errors="replace") or "unknown"
            raise LocalServerError(
                f"the local platform already runs on {data_dir} (process {tenant}); "
                f"stop that one, or give this one LOCAL_DATA_DIR and PORT of its own"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield
    finally:
        os.close(lock)


def _write_private(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
