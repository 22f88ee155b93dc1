"""Commands of operators: `webhooks setup` and `webhooks verify`."""

import asyncio
import shlex
import sys
from typing import Annotated

import httpx
import typer

from app.channels.errors import SendError
from app.channels.whatsapp import WhatsApp
from app.cli_shared import PROBE_TIMEOUT, partial_settings, say, secret
from app.operations.chatwoot_round_trip import NAME, ServiceCount, round_trip
from app.operations.chatwoot_setup import Numbers, set_up_chatwoot
from app.operations.setup_steps import ChatwootAccount, Outcome, SetupError, Step
from app.operations.webhooks_setup import knock, register_dialog360
from app.operations.webhooks_setup import verify as verify_webhooks
from app.settings import Settings

webhooks = typer.Typer(help="Set 360Dialog and Chatwoot up for us, and test the way back.")
_UNSHOWN = "CHATWOOT_WEBHOOK_SECRET is not shown: Chatwoot signs webhooks from 4.13, so this one is older"
# What a round trip through Chatwoot needs.
_CHATWOOT = ("CHATWOOT_BASE_URL", "CHATWOOT_API_TOKEN", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_INBOX_ID")


@webhooks.command()
def setup(
    *,
    url: Annotated[str, typer.Option(help="Our public address; default https://RAILWAY_PUBLIC_DOMAIN.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Change it; without, only say what would be changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say it: what happens without --apply.")] = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print secrets though no terminal reads.")
    ] = False,
) -> None:
    """Register the number's webhook; make or adopt what Chatwoot needs; print the variables to set.

    In Chatwoot: inbox, agent bot, labels, custom attributes, team, message templates.
    """
    if apply and dry_run:
        typer.echo("--apply changes things and --dry-run does not: give one of them", err=True)
        raise typer.Exit(2)
    settings = partial_settings("DIALOG360_API_KEY", "DIALOG360_WEBHOOK_SECRET", *_CHATWOOT[:3])
    public_url = _public_url(settings, url)
    steps: list[Step] = []
    try:
        numbers = asyncio.run(_setup(settings, public_url, steps, apply=apply))
    except SetupError as error:
        _report(steps)  # what is done by now stays done
        typer.echo(f"webhooks setup: {error}", err=True)
        raise typer.Exit(1) from None
    _report(steps)
    say(_sum_up(steps, apply=apply))
    _tell_variables(numbers, show_secrets=show_secrets)
    if any(step.outcome is Outcome.REFUSED for step in steps):
        raise typer.Exit(1)


def _sum_up(steps: list[Step], *, apply: bool) -> str:
    outcomes = {step.outcome for step in steps}
    if Outcome.WOULD in outcomes:
        return "\nNothing has been changed. Repeat with --apply to do what is marked `to be done`."
    if Outcome.DONE in outcomes:
        return "\nDone. Repeat it whenever you like: what is right is left alone."
    return "\nEverything is there already: nothing has been changed." + ("" if apply else " --apply has nothing to do.")


def _tell_variables(numbers: Numbers, *, show_secrets: bool) -> None:
    known = {
        "CHATWOOT_INBOX_ID": numbers.inbox_id,
        "CHATWOOT_AGENT_BOT_ID": numbers.bot_id,
        "CHATWOOT_TEAM_ID": numbers.team_id,
    }
    lines = [f"{name}={number}" for name, number in known.items() if number]
    if numbers.inbox_id and numbers.secret:
        shown = shlex.quote(numbers.secret) if show_secrets or sys.stdout.isatty() else "(hidden: add --show-secrets)"
        lines.append(f"CHATWOOT_WEBHOOK_SECRET={shown}")
    elif numbers.inbox_id:
        lines.append(_UNSHOWN)
    if lines:
        say("\nSet these variables:\n" + "\n".join(lines))


def chatwoot_client(settings: Settings) -> httpx.AsyncClient:
    """Chatwoot with the service user's token."""
    return httpx.AsyncClient(
        base_url=settings.chatwoot_base_url or "",
        headers={"api_access_token": secret(settings.chatwoot_api_token)},
        timeout=PROBE_TIMEOUT,
    )


async def _setup(settings: Settings, public_url: str, steps: list[Step], *, apply: bool) -> Numbers:
    async with (
        httpx.AsyncClient(
            base_url=settings.dialog360_base_url,
            headers={"D360-API-KEY": secret(settings.dialog360_api_key)},
            timeout=PROBE_TIMEOUT,
        ) as dialog360,
        chatwoot_client(settings) as chatwoot,
        httpx.AsyncClient(base_url=public_url, timeout=PROBE_TIMEOUT) as service,
    ):
        account = ChatwootAccount(chatwoot, settings.chatwoot_account_id or 0, apply)
        await account.check_administrator()
        webhook_secret = secret(settings.dialog360_webhook_secret)
        steps.append(await register_dialog360(dialog360, public_url, webhook_secret, apply=apply))
        try:
            templates = await WhatsApp(dialog360).templates()
        except SendError as error:
            raise SetupError(f"360Dialog does not list its templates: {error.title}") from None
        given = Numbers(
            inbox_id=settings.chatwoot_inbox_id or 0,
            bot_id=settings.chatwoot_agent_bot_id or 0,
            team_id=settings.chatwoot_team_id or 0,
            return_label=settings.chatwoot_return_label,
            handoff_label=settings.chatwoot_handoff_label,
        )
        numbers = await set_up_chatwoot(account, given, public_url, templates, steps)
        if apply:
            steps.append(await _come_back(settings, account, service, numbers))
        return numbers


async def _come_back(
    settings: Settings, account: ChatwootAccount, service: httpx.AsyncClient, numbers: Numbers
) -> Step:
    """The round trip, once there is a service that knows the secret: the first set-up is before the deployment."""
    door = await knock(service, numbers.secret, account.id)
    if door.outcome is not Outcome.RIGHT:
        later = "set the variables, deploy, then `python -m app webhooks verify`"
        return Step(NAME, Outcome.LATER, f"no service here accepts this inbox's webhooks ({door.said}): {later}")
    return await round_trip(account, numbers.inbox_id, ServiceCount(service, secret(settings.ops_token)))


@webhooks.command()
def verify(*, url: Annotated[str, typer.Option(help="Our public address.")] = "") -> None:
    """Prove the way back; exit 1 unless everything is answered as it must be.

    Signed and unsigned probes go through the public address; then a note, written in Chatwoot, has to come back as a
    webhook. Its contact is deleted again.
    """
    settings = partial_settings("DIALOG360_WEBHOOK_SECRET", "CHATWOOT_WEBHOOK_SECRET", "WHATSAPP_VERIFY_TOKEN")
    steps = asyncio.run(_verify(settings, _public_url(settings, url)))
    _report(steps)
    if any(step.outcome is Outcome.REFUSED for step in steps):
        raise typer.Exit(1)


async def _verify(settings: Settings, public_url: str) -> list[Step]:
    async with httpx.AsyncClient(base_url=public_url, timeout=PROBE_TIMEOUT) as service:
        steps = await verify_webhooks(
            service,
            dialog360_secret=secret(settings.dialog360_webhook_secret),
            chatwoot_secret=secret(settings.chatwoot_webhook_secret),
            verify_token=secret(settings.whatsapp_verify_token),
            account_id=settings.chatwoot_account_id or 0,
        )
        return [*steps, await _round_trip(settings, service)]


async def _round_trip(settings: Settings, service: httpx.AsyncClient) -> Step:
    missing = [name for name in _CHATWOOT if getattr(settings, name.lower()) is None]
    if missing:
        return Step(NAME, Outcome.LATER, f"not set: {', '.join(missing)}")
    async with chatwoot_client(settings) as chatwoot:
        account = ChatwootAccount(chatwoot, settings.chatwoot_account_id or 0, apply=True)
        count = ServiceCount(service, secret(settings.ops_token))
        try:
            await account.check_administrator()
            return await round_trip(account, settings.chatwoot_inbox_id or 0, count)
        except SetupError as error:
            return Step(NAME, Outcome.REFUSED, str(error))


def _public_url(settings: Settings, url: str) -> str:
    found = url or (f"https://{settings.railway_public_domain}" if settings.railway_public_domain else "")
    if not found:
        typer.echo("no public address: give --url https://… (on Railway: `railway domain` makes one)", err=True)
        raise typer.Exit(1)
    return found.rstrip("/")


def _report(steps: list[Step]) -> None:
    width = max((len(step.name) for step in steps), default=0)
    for step in steps:
        say(f"{step.outcome.value.ljust(13)}  {step.name.ljust(width)}  {step.said}")
