"""The terminal phone: scripts are replayed and checked, a person can type."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.errors import LocalServerError
from app.local.phone import run_phone
from app.local.phone_script import ScriptError, parse_script, read_script
from app.local.twin_snapshot import SnapshotFile
from app.local.whatsapp_state import Store
from tests.fixtures.twins import WhatsAppRun, free_port, running_whatsapp_twin, serve, url_of

Json = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "examples"


class Desk:
    """A tiny service behind the webhook: greets with buttons, thanks for taps, is silent when told STOP."""

    def __init__(self) -> None:
        self.http: httpx.AsyncClient | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        async def hook(request: Request) -> Response:
            for entry in (await request.json())["entry"]:
                for change in entry["changes"]:
                    for message in change["value"].get("messages", []):
                        task = asyncio.create_task(self.answer(message))
                        self.tasks.add(task)
                        task.add_done_callback(self.tasks.discard)
            return Response()

        return Starlette(routes=[Route("/hook", hook, methods=["POST"])])

    async def answer(self, message: Json) -> None:
        receipt = {"status": "read", "message_id": message["id"], "typing_indicator": {"type": "text"}}
        await self.post(receipt)
        text = message.get("text", {}).get("body", "")
        if text == "STOP":
            return
        if message["type"] == "interactive":
            tapped = message["interactive"]["button_reply"]["title"]
            content: Json = {"type": "text", "text": {"body": f"Thank you for {tapped}"}}
        elif message["type"] == "text":
            buttons = [{"type": "reply", "reply": {"id": title.lower(), "title": title}} for title in ("Yes", "No")]
            question = {"type": "button", "body": {"text": f"You wrote: {text}"}, "action": {"buttons": buttons}}
            content = {"type": "interactive", "interactive": question}
        else:
            content = {"type": "text", "text": {"body": f"Got your {message['type']}"}}
        await self.post({"to": message["from"], **content})

    async def post(self, body: Json) -> None:
        assert self.http is not None
        await self.http.post("/messages", json={"messaging_product": "whatsapp", **body})


@pytest.fixture(name="desk")
async def running_desk() -> AsyncIterator[WhatsAppRun]:
    desk, listener = Desk(), free_port()
    async with serve(desk.app(), listener), running_whatsapp_twin(webhook_url=f"{url_of(listener)}/hook") as run:
        desk.http = run.http
        yield run


async def replay(run: WhatsAppRun, folder: Path, text: str, *, limit: float = 60) -> tuple[int, str]:
    """Exit code and what the terminal showed."""
    path = folder / "talk.txt"
    path.write_text(text, encoding="utf-8")
    screen = io.StringIO()
    console = Console(file=screen, width=100)
    code = await asyncio.to_thread(run_phone, run.url, script=path, limit=limit, console=console)
    return code, screen.getvalue()


async def test_a_script_that_comes_true_exits_zero_and_shows_the_talk(desk: WhatsAppRun, tmp_path: Path) -> None:
    code, screen = await replay(
        desk,
        tmp_path,
        """
        # A greeting
        phone: new
        name: Béla
        timeout: 10s
        candidate: Good morning
        expect: you wrote: good MORNING
        expect: /^You wrote: .*ing$/
        expect-not: goodbye
        expect-buttons: Yes | No
        expect-typing:
        expect-ticks: read
        tap: 2
        expect: Thank you for No
        document: Béla, welder
        expect: Got your document
        location: 51.05, 3.72 Gent
        expect: location
        fragment: STOP
        expect-silence: 300ms
        candidate: again
        expect-replies: 1
        """,
    )
    assert code == 0, screen
    for shown in ("Good morning", "You wrote: Good morning", " 1  Yes", "📄 document cv.pdf", "✔ expect-buttons"):
        assert shown in screen
    assert "all 18 steps as expected" in " ".join(screen.split())


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("candidate: Hi\nexpect: Bye", "talk.txt:3: expected 'Bye' within 0.5 s, but the desk said: You wrote: Hi"),
        ("candidate: Hi\nexpect-buttons: Maybe", "on the screen: Yes | No"),
        ("candidate: Hi\nexpect-not: Hi", "talk.txt:3: not expected, yet said: Hi"),
        ("candidate: STOP", "talk.txt:2: no answer within 0.5 s"),
        ("fragment: STOP\nexpect: x", "the desk said nothing"),
        ("fragment: Hi\nexpect-silence: 5s", "expected silence for 5 s"),
        ("candidate: Hi\nexpect-replies: 2", "expected 2 answers, but the desk said: You wrote: Hi"),
        ("candidate: Hi\ntap: Perhaps", "talk.txt:3: no button or row 'Perhaps'; on the screen: Yes | No"),
        ("candidate: Hi\nunsend:\nwait: 10m", "talk.txt: not finished within 4 s"),
    ],
)
async def test_a_script_that_does_not_come_true_names_the_line(
    desk: WhatsAppRun, tmp_path: Path, lines: str, complaint: str
) -> None:
    code, screen = await replay(desk, tmp_path, f"timeout: 500ms\n{lines}", limit=4)
    assert code == 1
    assert complaint in screen


async def test_a_twin_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("candidate: Hi")
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    code = await asyncio.to_thread(run_phone, "http://127.0.0.1:9", script=path, console=console)
    assert code == 1
    assert "no phone network at http://127.0.0.1:9" in screen.getvalue()
    assert "./start.sh local" in screen.getvalue()


async def test_a_person_can_type_tap_and_leave(desk: WhatsAppRun) -> None:
    await desk.candidate()
    screen = io.StringIO()
    keyboard = io.StringIO("Hello\n/nonsense\n/voice\n/react 👍\n/offline\n/online\n/quit\nnever read\n")
    console = Console(file=screen, width=100)
    code = await asyncio.to_thread(run_phone, desk.url, phone="31612345678", console=console, stdin=keyboard)
    assert code == 0
    await desk.quiet()
    mine = [message["type"] for message in (await desk.screen())["messages"] if message["from"] == "candidate"]
    assert mine == ["text", "voice"]
    assert "A number taps" in screen.getvalue()
    again = io.StringIO("1\n")
    code = await asyncio.to_thread(run_phone, desk.url, phone="31612345678", console=console, stdin=again)
    assert code == 0
    await desk.quiet()
    typed = [message for message in (await desk.screen())["messages"] if message["from"] == "candidate"][-1]
    assert (typed["type"], typed["text"]) in {("tap", "Yes"), ("text", "1")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hello there", "x.txt:1: 'hello there' does not begin with one of: candidate, document"),
        ("candidate:", "x.txt:1: `candidate:` needs something"),
        ("candidate: a\nexpect: /(/", "x.txt:2: /(/ is not a regular expression"),
        ("candidate: a\nwait: soon", "x.txt:2: 'soon' is not a duration"),
        ("candidate: a\nexpect-ticks: blue", "x.txt:2: `expect-ticks:` is sent, delivered or read"),
        ("candidate: a\nexpect-replies: one", "x.txt:2: `expect-replies:` needs a number"),
        ("location: home", "x.txt:1: a location is written"),
        ("# nothing", "x.txt: the candidate never says anything"),
    ],
)
def test_a_faulty_script_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse_script(text, source="x.txt", folder=Path())
    assert complaint in str(refused.value)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.txt")), ids=lambda path: path.name)
def test_every_example_can_be_read(path: Path) -> None:
    script = read_script(path)
    assert script.phone == "new", "an example must not depend on what was said before"


def test_a_script_that_is_not_there_exits_with_two(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    code = run_phone("http://127.0.0.1:9", script=tmp_path / "none.txt", console=console)
    assert code == 2
    assert "none.txt: cannot be read" in screen.getvalue()


def test_a_damaged_snapshot_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.json"
    path.write_text('{"candidates": []}')
    with pytest.raises(LocalServerError, match=r"whatsapp\.json is damaged .* delete it, or start with --fresh"):
        Store(SnapshotFile(path))
