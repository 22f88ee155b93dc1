"""Child processes that never outlive the process that started them."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from app.local.tether import tethered


async def start_child(
    command: Sequence[str | Path], *, log: IO[bytes], environ: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start `command` so that it gets SIGTERM when we die, even by SIGKILL; its output goes to `log`.

    It gets a session of its own: Ctrl-C at the terminal reaches only us, and we stop our children in order.
    Call it from the main thread: Linux watches the thread that started the child.
    """
    return await asyncio.create_subprocess_exec(
        *tethered([str(part) for part in command], farewell=signal.SIGTERM),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
        start_new_session=True,
    )


async def stop_child(child: asyncio.subprocess.Process, *, patience: float) -> None:
    """SIGTERM, then SIGKILL after `patience` seconds; returns when the process is gone."""
    if child.returncode is not None:
        return
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), patience)
    except TimeoutError:
        child.kill()
        await child.wait()
