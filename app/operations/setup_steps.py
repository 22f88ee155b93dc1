"""What the parts of `webhooks setup` share: lines of the report, and calls whose refusal is said in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import httpx

_CHATWOOT_KEY: Final = "CHATWOOT_API_TOKEN"


class SetupError(Exception):
    """A vendor refused or answered in an unknown shape; the text says what to do."""


class Outcome(StrEnum):
    """What happened to one thing. WOULD needs `apply`; LATER needs a deployment first."""

    RIGHT = "right already"
    DONE = "done"
    WOULD = "to be done"
    LATER = "not yet"
    REFUSED = "refused"


@dataclass(frozen=True)
class Step:
    """One line of the report."""

    name: str
    outcome: Outcome
    said: str


@dataclass(frozen=True)
class ChatwootAccount:
    """The account as the token's user may see and change it. Without `apply` nothing is changed, only said."""

    client: httpx.AsyncClient
    id: int
    apply: bool

    async def get(self, path: str) -> Any:
        """What Chatwoot shows under `path` of the account."""
        return await call(self.client, "GET", f"/api/v1/accounts/{self.id}{path}", key=_CHATWOOT_KEY)

    async def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """A change; only for callers that have looked at `apply`."""
        return await call(self.client, method, f"/api/v1/accounts/{self.id}{path}", body, key=_CHATWOOT_KEY)

    def step(self, name: str, about: str, changes: list[str]) -> Step:
        """The line for one thing: what it is, and what is or would be changed."""
        outcome = Outcome.RIGHT if not changes else Outcome.DONE if self.apply else Outcome.WOULD
        return Step(f"chatwoot {name}", outcome, "; ".join([*([about] if about else []), *changes]))

    async def check_administrator(self) -> None:
        """Before anything is touched: what an agent's token may do differs from call to call, so half would be made."""
        profile = await call(self.client, "GET", "/api/v1/profile", key=_CHATWOOT_KEY)
        roles = {row.get("id"): row.get("role") for row in profile.get("accounts") or []}
        if self.id not in roles:
            raise SetupError(f"the user of CHATWOOT_API_TOKEN is not in account {self.id}: see CHATWOOT_ACCOUNT_ID")
        if roles[self.id] != "administrator":
            raise SetupError(
                f"the user of CHATWOOT_API_TOKEN has the role {roles[self.id] or 'unknown'!r}, and this needs an "
                "administrator: make the user one in Chatwoot (Settings, Agents)"
            )


async def call(
    client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, object] | None = None, *, key: str
) -> Any:
    """The JSON of the answer, None for an empty one. Raises SetupError; `key` is the variable that holds the key."""
    host = client.base_url.host
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise SetupError(f"{host} cannot be reached ({type(error).__name__})") from error
    if answer.status_code in (401, 403):
        wants = " (it must be an administrator's token)" if key == _CHATWOOT_KEY else ""
        raise SetupError(f"{host} refuses the key: see {key}{wants}")
    if not answer.is_success:
        raise SetupError(f"{host} answers {answer.status_code} to {method} {path}{_reason(answer)}")
    if not answer.content.strip():
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise SetupError(f"{host} answers no JSON to {method} {path}") from error


def _reason(answer: httpx.Response) -> str:
    """What Chatwoot names as the fault of a 422."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    said = (body.get("message") or body.get("error")) if isinstance(body, dict) else ""
    return f": {said[:200]}" if isinstance(said, str) and said else ""
