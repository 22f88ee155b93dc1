"""Replays a script on a phone: says its lines, prints what comes, checks what was expected."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from app.local.phone_client import PhoneClient, PhoneFailure, action_for
from app.local.phone_script import ANSWERED, DEFAULT_TIMEOUT, SAYING, Script, Step
from app.local.phone_view import PhoneView

Json = dict[str, Any]
QUIET_SECONDS = 2.0


class Unexpected(Exception):
    """What happened is not what the script expects."""


class Watch:
    """Follows the screen in the background: prints news, remembers when "typing…" last began."""

    def __init__(self, phone: PhoneClient, view: PhoneView) -> None:
        self.phone, self.view = phone, view
        self.messages: list[Json] = []
        self.typing_at = 0.0
        self._typing = False
        self._printed: set[str] = set()
        self._news = asyncio.Event()
        self._revision = -1
        self.failure: PhoneFailure | None = None

    async def start(self) -> None:
        """What the chat held before is not printed again."""
        self._take(await self.phone.screen(), show=False)

    async def follow(self) -> None:
        try:
            while True:
                self._take(await self.phone.screen(after=self._revision, wait=20), show=True)
        except PhoneFailure as failure:
            self.failure = failure
            self._news.set()

    def _take(self, screen: Json, *, show: bool) -> None:
        self._revision, self.messages = screen["revision"], screen["messages"]
        self.typing_at = screen["typing_at"]
        if screen["typing"] and not self._typing and show:
            self.view.typing()
        self._typing = screen["typing"]
        for message in self.messages:
            if message["id"] not in self._printed:
                self._printed.add(message["id"])
                if show:
                    self.view.message(message)
        self._news.set()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """True as soon as the condition holds. Raises PhoneFailure when the twin is gone."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.failure is not None:
                raise self.failure
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return condition()
        return True


class Replay:
    """Runs the steps in order; raises Unexpected or PhoneFailure with file and line."""

    def __init__(self, script: Script, phone: PhoneClient, view: PhoneView) -> None:
        self.script, self.phone, self.view = script, phone, view
        self.watch = Watch(phone, view)
        self.timeout = DEFAULT_TIMEOUT
        self._seen_before: set[str] = set()
        self._said_at = 0.0

    async def run(self) -> None:
        await self.watch.start()
        follower = asyncio.create_task(self.watch.follow())
        try:
            for step in self.script.steps:
                try:
                    await self._step(step)
                except (Unexpected, PhoneFailure) as error:
                    raise type(error)(f"{self.script.source}:{step.line}: {error}") from None
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

    def _answers(self) -> list[Json]:
        """Messages of the business since the candidate's last words."""
        return [m for m in self.watch.messages if m["from"] == "business" and m["id"] not in self._seen_before]

    async def _step(self, step: Step) -> None:
        if step.verb in SAYING:
            await self._say(step)
        elif step.verb == "timeout":
            self.timeout = step.seconds
        elif step.verb == "wait":
            await asyncio.sleep(step.seconds)
        elif step.verb in {"offline", "online"}:
            await self.phone.set_online(step.verb == "online")
            self.view.note(f"  the phone is {step.verb}")
        else:
            await self._expect(step)
            self.view.checked(f"{step.verb}: {step.argument}".rstrip(": "))

    async def _say(self, step: Step) -> None:
        self._seen_before = {message["id"] for message in self.watch.messages}
        said = await self.phone.say(action_for(step.verb, step.argument, self.script.folder))
        self._said_at = said["at"]
        if step.verb in ANSWERED and not await self.watch.until(lambda: bool(self._answers()), self.timeout):
            raise Unexpected(f"no answer within {self.timeout:g} s (use `fragment:` when none is due)")

    async def _expect(self, step: Step) -> None:
        match step.verb:
            case "expect":
                await self._expect_text(step)
            case "expect-not":
                if any(_matches(step, message) for message in self._answers()):
                    raise Unexpected(f"not expected, yet said: {step.argument}")
            case "expect-buttons":
                await self._expect_buttons(step)
            case "expect-replies":
                await self._expect_replies(int(step.argument))
            case "expect-silence":
                if await self.watch.until(lambda: bool(self._answers()), step.seconds):
                    raise Unexpected(f"expected silence for {step.seconds:g} s, but {self._said()}")
            case "expect-typing":
                if not await self.watch.until(lambda: self.watch.typing_at >= self._said_at, self.timeout):
                    raise Unexpected(f"no “typing…” within {self.timeout:g} s")
            case _:
                await self._expect_ticks(step.argument)

    async def _expect_text(self, step: Step) -> None:
        if not await self.watch.until(lambda: any(_matches(step, m) for m in self._answers()), self.timeout):
            raise Unexpected(f"expected {step.argument!r} within {self.timeout:g} s, but {self._said()}")

    async def _expect_buttons(self, step: Step) -> None:
        wanted = [title.strip() for title in step.argument.split("|")]
        if not await self.watch.until(lambda: self._buttons() == wanted, self.timeout):
            found = " | ".join(self._buttons()) or "none"
            raise Unexpected(f"expected the buttons {step.argument}; on the screen: {found}")

    def _buttons(self) -> list[str]:
        with_options = [message for message in self._answers() if message["options"]]
        return [option["title"] for option in with_options[-1]["options"]] if with_options else []

    async def _expect_replies(self, count: int) -> None:
        await self.watch.until(lambda: len(self._answers()) >= count, self.timeout)
        await self.watch.until(lambda: len(self._answers()) > count, QUIET_SECONDS)
        if len(self._answers()) != count:
            raise Unexpected(f"expected {count} answers, but {self._said()}")

    async def _expect_ticks(self, status: str) -> None:
        order = ["sent", "delivered", "read"]

        def reached() -> bool:
            mine = [message["status"] for message in self.watch.messages if message["from"] == "candidate"]
            return bool(mine) and order.index(mine[-1]) >= order.index(status)

        if not await self.watch.until(reached, self.timeout):
            raise Unexpected(f"the last message was not {status} within {self.timeout:g} s")

    def _said(self) -> str:
        answers = [message["text"] for message in self._answers()]
        return f"the desk said: {' / '.join(answers)}" if answers else "the desk said nothing"


def _matches(step: Step, message: Json) -> bool:
    shown = "\n".join(filter(None, (message["header"], message["text"], message["footer"])))
    return step.pattern is not None and step.pattern.search(shown) is not None
