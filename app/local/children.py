"""Child processes that never outlive the process that started them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


def bound_to_this_process(command: Sequence[str | Path]) -> list[str]:
    """`command` by way of a launcher that asks Linux to end it with SIGTERM when we die, even by SIGKILL.

    Not `preexec_fn` (it runs Python between fork and exec, unsafe once threads run) and not `setpriv --pdeathsig`
    (absent from macOS and minimal images): the launcher sets it in the new process and becomes the command.
    """
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *map(str, command)]


async def start_child(
    command: Sequence[str | Path], *, log: IO[bytes] | None = None, environ: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start `command` bound to this process, its output in `log` (None: ours).

    It gets a session of its own: Ctrl-C at the terminal reaches only us, and we stop our children in order.
    Call it from the main thread: Linux watches the thread that started the child.
    """
    return await asyncio.create_subprocess_exec(
        *bound_to_this_process(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=asyncio.subprocess.STDOUT if log else None,
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
