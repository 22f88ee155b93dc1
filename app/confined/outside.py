"""The half of the process that wants a file parsed: starts another one, gives it the bytes, takes its answer."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parent.parent.parent  # where `app` is imported from


class NotStarted(Exception):
    """The system gives no process at the moment."""


class Answer(NamedTuple):
    """`status` < 0: killed, by time, memory or a crash in a parser; > 0: an installation without the libraries."""

    said: bytes
    status: int


async def in_child(module: str, arguments: tuple[str, ...], content: bytes, *, most: int, seconds: float) -> Answer:
    """What `python -m module arguments` says to `content`, up to a little more than `most` bytes.

    Raises NotStarted, TimeoutError. No such process outlives this call, also when that is cancelled.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-X", "utf8", "-m", module, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=_ROOT,
            env={"PYTHONDONTWRITEBYTECODE": "1"},  # none of ours: no key can leak from there
        )
    except OSError:
        raise NotStarted from None
    try:
        async with asyncio.timeout(seconds):
            said = await _exchange(child, content, most)
            return Answer(said, await child.wait())
    finally:
        await _end(child)


async def _exchange(child: Process, content: bytes, most: int) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise TypeError("the process was started without pipes")
    # The child reads everything before it writes, so that these two cannot wait for each other.
    with contextlib.suppress(ConnectionError):
        child.stdin.write(content)
        await child.stdin.drain()
        child.stdin.close()
    parts: list[bytes] = []
    size = 0
    while size <= most and (part := await child.stdout.read(65_536)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


async def _end(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
