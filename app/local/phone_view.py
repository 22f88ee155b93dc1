"""How the terminal phone draws: bubbles left and right, buttons as numbers, ticks, typing."""

from datetime import datetime
from typing import Any

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

Json = dict[str, Any]
TICKS = {"sent": ("✓", "dim"), "delivered": ("✓✓", "dim"), "read": ("✓✓", "bright_blue"), "failed": ("!", "red")}
FILES = {"voice": "🎤 voice message", "audio": "🎵 audio", "image": "🖼  picture", "video": "🎬 video"}
FILES |= {"sticker": "sticker", "document": "📄 document"}


class PhoneView:
    """Prints to a rich console; what was printed stays, news is added below."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def message(self, message: Json) -> None:
        mine = message["from"] == "candidate"
        width = max(24, min(72, self.console.width * 2 // 3))
        bubble = Panel(
            Group(*_inside(message)),
            width=min(width, _needed(message) + 4),
            border_style="green" if mine else "cyan",
            title=None if mine else Text("desk", "cyan"),
            title_align="left",
        )
        self.console.print(Align.right(bubble) if mine else bubble)

    def typing(self) -> None:
        self.console.print(Text("  typing…", "dim italic"))

    def ticks(self, status: str) -> None:
        mark, style = TICKS.get(status, ("", "dim"))
        self.console.print(Align.right(Text(f"{mark} {status} ", style)))

    def note(self, text: str, style: str = "dim") -> None:
        self.console.print(Text(text, style))

    def checked(self, text: str) -> None:
        self.console.print(Text(f"  ✔ {text}", "dim green"))

    def failed(self, text: str) -> None:
        self.console.print(Text(text, "bold red"), soft_wrap=True)


def _inside(message: Json) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if message["quoted"] and message["from"] == "candidate":
        parts.append(Text(f"│ {_first_line(message['quoted'])}", "dim"))
    if message["header"]:
        parts.append(Text(message["header"], "bold"))
    if "file" in message:
        name = message["file"].get("filename") or message["file"].get("mime_type") or ""
        parts.append(Text(f"{FILES.get(message['type'], 'file')} {name}".rstrip(), "italic"))
    if message["revoked"]:
        parts.append(Text("this message was deleted", "dim italic"))
    elif message["text"]:
        parts.append(Text(message["text"]))
    if message["footer"]:
        parts.append(Text(message["footer"], "dim"))
    parts.extend(_option(option) for option in message["options"])
    parts.append(_last_line(message))
    return parts


def _option(option: Json) -> Text:
    line = Text.assemble((f" {option['number']} ", "reverse"), " ", (option["title"], "bold"))
    for extra in (option.get("description"), option.get("url")):
        if extra:
            line.append(f"  {extra}", "dim")
    return line


def _last_line(message: Json) -> Text:
    clock = datetime.fromtimestamp(message["at"]).strftime("%H:%M")  # noqa: DTZ006 - a phone shows its own local time
    line = Text(clock, "dim", justify="right")
    if message["edited"]:
        line = Text(f"edited {clock}", "dim", justify="right")
    if message["reactions"]:
        line.append("  " + " ".join(filter(None, message["reactions"].values())))
    if message["from"] == "candidate":
        mark, style = TICKS.get(message["status"], ("", "dim"))
        line.append(f" {mark}", style)
    return line


def _needed(message: Json) -> int:
    """Columns that the longest line wants."""
    lines = [*message["text"].splitlines(), message["header"], message["footer"], " " * 20]
    lines += [f" {o['number']}   {o['title']}  {o.get('description', '')}" for o in message["options"]]
    lines.append(_first_line(message["quoted"]) + "  ")
    return max(Text(line).cell_len for line in lines)


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 40 else line[:39] + "…"
