"""A candidate's phone, held over HTTP: the twin's `/_twin/candidates/…` as the terminal and scripts use it."""

import base64
import mimetypes
import secrets
from pathlib import Path
from typing import Any, Self

import httpx

from app.local.phone_script import parse_location

Json = dict[str, Any]


class PhoneFailure(Exception):
    """The phone could not do what was asked; the text says why and what to do."""


class PhoneClient:
    """`number` "new" takes a fresh one. Raises PhoneFailure."""

    def __init__(self, twin_url: str, *, number: str, name: str) -> None:
        self._http = httpx.AsyncClient(base_url=twin_url, timeout=40, trust_env=False)
        self._url = twin_url
        self._number = f"3197{secrets.randbelow(10**8):08d}" if number == "new" else number
        self._name = name
        self._path = ""

    async def __aenter__(self) -> Self:
        body = {"wa_id": self._number, "name": self._name}
        candidate = await self._call("POST", "/_twin/candidates", body)
        self._path = f"/_twin/candidates/{candidate['id']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def say(self, action: Json) -> Json:
        return await self._call("POST", f"{self._path}/say", action)

    async def screen(self, *, after: int = -1, wait: float = 0.0) -> Json:
        """At once, or as soon as the screen is newer than revision `after`, at the latest after `wait` seconds."""
        return await self._call("GET", f"{self._path}/screen?after={after}&wait={wait}")

    async def set_online(self, online: bool) -> None:
        await self._call("PATCH", self._path, {"online": online})

    async def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            hint = "is `./start.sh local` running?"
            raise PhoneFailure(f"no phone network at {self._url} ({type(error).__name__}): {hint}") from None
        try:
            value: Json = answer.json()
        except ValueError:
            raise PhoneFailure(f"{self._url} answered {answer.status_code}: this is not the WhatsApp twin") from None
        if not answer.is_success:
            raise PhoneFailure(str(value.get("error", value)))
        return value


def action_for(verb: str, argument: str, folder: Path) -> Json:
    """The twin's action for a verb of the script format. Files are looked for in `folder`. Raises PhoneFailure."""
    simple: dict[str, Json] = {
        "candidate": {"type": "text", "text": argument},
        "fragment": {"type": "text", "text": argument},
        "tap": {"type": "tap", "option": argument},
        "react": {"type": "reaction", "emoji": argument},
        "edit": {"type": "edit", "text": argument},
        "unsend": {"type": "revoke"},
    }
    if verb in simple:
        return simple[verb]
    if verb != "location":
        return _file(verb, argument, folder)
    try:
        latitude, longitude, name = parse_location(argument)
    except ValueError as error:
        raise PhoneFailure(str(error)) from None
    return {"type": "location", "latitude": latitude, "longitude": longitude, "name": name}


def _file(kind: str, argument: str, folder: Path) -> Json:
    """A file if one has that name, else a sample; text given for a document becomes its page."""
    path = folder / argument if argument else folder
    if argument and "\n" not in argument and len(argument) < 200 and path.is_file():
        content = base64.b64encode(path.read_bytes()).decode()
        mime_type = mimetypes.guess_type(path.name)[0] or ""
        return {"type": kind, "filename": path.name, "content_base64": content, "mime_type": mime_type}
    if kind == "document":
        return {"type": kind, "filename": "cv.pdf", "text": argument}
    return {"type": kind}
