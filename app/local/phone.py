"""The terminal phone of `python -m app chat`: a candidate's WhatsApp, typed or replayed from a script."""

import asyncio
import contextlib
import sys
import threading
from pathlib import Path
from typing import TextIO

from rich.console import Console

from app.local.phone_client import PhoneClient, PhoneFailure, action_for
from app.local.phone_replay import Replay, Unexpected, Watch
from app.local.phone_script import ScriptError, read_script
from app.local.phone_view import PhoneView

HELP = """\
Type what the candidate says. A number taps the button or row with that number.
/voice [file]  /image [file]  /document [file or text]  /location 51.05, 3.72 Gent
/react 👍  /edit text  /unsend  /offline  /online  /quit"""
COMMANDS = {"voice", "image", "document", "location", "react", "edit", "unsend"}


def run_phone(
    twin_url: str,
    *,
    script: Path | None = None,
    phone: str = "31612345678",
    name: str = "Anna",
    limit: float = 600.0,
    console: Console | None = None,
    stdin: TextIO | None = None,
) -> int:
    """Exit code: 0; 1 when an expectation failed, `limit` seconds passed or the twin is gone; 2 for a faulty script.

    `phone` is a number in digits, or "new".
    """
    view = PhoneView(console or Console())
    try:
        if script is not None:
            asyncio.run(_replay(twin_url, script, phone=phone, name=name, limit=limit, view=view))
        else:
            asyncio.run(_chat(twin_url, phone=phone, name=name, view=view, stdin=stdin or sys.stdin))
    except ScriptError as error:
        view.failed(str(error))
        return 2
    except (Unexpected, PhoneFailure) as error:
        view.failed(str(error))
        return 1
    except KeyboardInterrupt:
        return 0 if script is None else 1
    return 0


async def _replay(twin_url: str, path: Path, *, phone: str, name: str, limit: float, view: PhoneView) -> None:
    script = read_script(path)
    async with PhoneClient(twin_url, number=script.phone or phone, name=script.name or name) as client:
        try:
            async with asyncio.timeout(limit):
                await Replay(script, client, view).run()
        except TimeoutError:
            raise Unexpected(f"{path}: not finished within {limit:g} s") from None
    view.checked(f"{path}: all {len(script.steps)} steps as expected")


async def _chat(twin_url: str, *, phone: str, name: str, view: PhoneView, stdin: TextIO) -> None:
    lines = _lines_of(stdin)
    async with PhoneClient(twin_url, number=phone, name=name) as client:
        view.note(HELP)
        watch = Watch(client, view)
        await watch.start()
        for message in watch.messages[-6:]:
            view.message(message)
        follower = asyncio.create_task(watch.follow())
        try:
            while (line := await _next(lines, follower)) is not None:
                try:
                    if not await _type(line.strip(), client, watch, view):
                        break
                except PhoneFailure as failure:
                    view.failed(str(failure))
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
        if watch.failure is not None:
            raise watch.failure


def _lines_of(stdin: TextIO) -> asyncio.Queue[str | None]:
    """Lines typed, None at the end. A thread reads: a terminal cannot be read without blocking everywhere."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # After /quit the loop is closed and what is still typed has no reader.
        with contextlib.suppress(RuntimeError):
            for line in stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="phone-keyboard").start()
    return lines


async def _next(lines: asyncio.Queue[str | None], follower: asyncio.Task[None]) -> str | None:
    """The next line; None when the keyboard or the network ended."""
    typed = asyncio.create_task(lines.get())
    await asyncio.wait({typed, follower}, return_when=asyncio.FIRST_COMPLETED)
    if typed.done():
        return typed.result()
    typed.cancel()
    return None


async def _type(line: str, client: PhoneClient, watch: Watch, view: PhoneView) -> bool:
    """Does what the line says; False to leave."""
    command, _, argument = line.removeprefix("/").partition(" ")
    if not line:
        return True
    if not line.startswith("/"):
        await client.say(action_for("tap" if _is_option(line, watch) else "candidate", line, Path()))
    elif command == "quit":
        return False
    elif command in {"online", "offline"}:
        await client.set_online(command == "online")
        view.note(f"  the phone is {command}")
    elif command in COMMANDS:
        await client.say(action_for(command, argument.strip(), Path()))
    else:
        view.note(HELP)
    return True


def _is_option(line: str, watch: Watch) -> bool:
    """The newest message of the desk offers a choice with this number."""
    answers = [message for message in watch.messages if message["from"] == "business"]
    return bool(answers) and line in {str(option["number"]) for option in answers[-1]["options"]}
