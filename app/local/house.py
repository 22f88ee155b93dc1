"""The whole platform on one machine: starts every part, watches over them, stops them in order.

Redis, Postgres with its gateway, the WhatsApp and the Chatwoot twin are each replaced by what the variables name;
the service itself is the one that runs in production, given the parts' addresses by the ordinary variables.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import asyncpg
import psutil

from app.database.migrate import MigrationError, migrate
from app.local.chatwoot_twin import ChatwootTwinConfig, create_chatwoot_twin
from app.local.embeddings_server import MODEL, create_embeddings_server, installed
from app.local.errors import LocalServerError
from app.local.gateway import create_gateway
from app.local.house_parts import require_free_port, served
from app.local.house_service import how_it_ended, running_service
from app.local.house_state import HouseSecrets, HouseState, keep_secrets, remove_state, sole_tenant, write_state
from app.local.house_vacancies import load_examples
from app.local.postgres import PostgresServer
from app.local.redis import RedisServer
from app.local.whatsapp_twin import WhatsAppTwinConfig, create_whatsapp_twin

MIGRATIONS: Final = Path(__file__).parents[2] / "supabase" / "migrations"
_KEPT: Final = (
    *("redis", "postgres", "postgres.log", "whatsapp.json", "whatsapp.files", "chatwoot.json", "chatwoot.files"),
    *("secrets.json", "service.log"),
)
_NEEDS: Final = {
    "SUPABASE_URL": ("SUPABASE_KEY",),
    "DIALOG360_BASE_URL": ("DIALOG360_API_KEY",),
    "CHATWOOT_BASE_URL": ("CHATWOOT_API_TOKEN", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_INBOX_ID"),
}
_LOOK_SECONDS: Final = 0.5  # how often the parts are looked after


@dataclass(slots=True)
class _House:
    """What is known while the parts come up one after the other."""

    data_dir: Path
    port: int
    given: Mapping[str, str]
    secrets: HouseSecrets
    variables: dict[str, str] = field(default_factory=dict)
    servers: dict[str, RedisServer | PostgresServer] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def value(self, name: str, made_up: str) -> str:
        """What the variable says, else what the house makes up; either way the service gets it."""
        self.variables[name] = self.given.get(name, made_up)
        return self.variables[name]


def run_house(*, data_dir: Path, port: int, given: Mapping[str, str], fresh: bool) -> int:
    """Run the platform until Ctrl-C or SIGTERM; returns the exit code.

    `given`: the variables that are set, as text; each one that names a part replaces the part of the house.
    """
    try:
        with sole_tenant(data_dir):
            return asyncio.run(_until_told_to_stop(data_dir.absolute(), port, given, fresh))
    except (LocalServerError, MigrationError) as error:
        _say(f"start.sh local: {error}", stream=sys.stderr)
        return 1


async def _until_told_to_stop(data_dir: Path, port: int, given: Mapping[str, str], fresh: bool) -> int:
    """The first signal unwinds everything in order; further ones are answered but change nothing."""
    life = asyncio.create_task(_live(data_dir, port, given, fresh))
    told: list[signal.Signals] = []

    def stop(by: signal.Signals) -> None:
        _say("\nstopping …" if not told else "still stopping …")
        if not told:
            life.cancel()
        told.append(by)

    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(each, stop, each)
    try:
        return await life
    except asyncio.CancelledError:
        _say("stopped; the data stay in " + str(data_dir))
        return 0


async def _live(data_dir: Path, port: int, given: Mapping[str, str], fresh: bool) -> int:
    require_free_port(port)
    _require_whole_parts(given)
    if fresh:
        _clear(data_dir)
    async with AsyncExitStack() as stack:
        with _data_to_blame(data_dir):
            house = _House(data_dir, port, given, keep_secrets(data_dir))
            await _open_redis(house, stack)
            await _open_record(house, stack)
            await _open_twins(house, stack)
            await _open_embeddings(house, stack)
        log = data_dir / "service.log"
        service = await stack.enter_async_context(running_service(_for_service(house), house.service_url, log))
        write_state(data_dir, _state_of(house))
        stack.callback(remove_state, data_dir)
        _say(_welcome(house, log))
        while service.returncode is None:
            for name, server in house.servers.items():
                if server.pid == 0:
                    raise LocalServerError(f"the local {name} stopped by itself; its log is in {data_dir}")
            await asyncio.sleep(_LOOK_SECONDS)
        raise LocalServerError(how_it_ended(service, log))


@contextmanager
def _data_to_blame(data_dir: Path) -> Iterator[None]:
    """What goes wrong while the data are opened, in one line. Raises LocalServerError."""
    try:
        yield
    except (OSError, asyncpg.PostgresError) as error:
        raise LocalServerError(
            f"the data in {data_dir} cannot be used ({type(error).__name__}: {str(error).splitlines()[0][:200]}); "
            "start empty with `./start.sh local --fresh`, or move the folder away"
        ) from error


def _require_whole_parts(given: Mapping[str, str]) -> None:
    """A variable that replaces a part needs its companions; raises LocalServerError naming all that are missing."""
    missing = [
        f"{companion} (because {name} is set)"
        for name, companions in _NEEDS.items()
        if name in given
        for companion in companions
        if companion not in given
    ]
    if missing:
        raise LocalServerError("also needed: " + ", ".join(missing))


def _clear(data_dir: Path) -> None:
    for name in _KEPT:
        path = data_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


async def _open_redis(house: _House, stack: AsyncExitStack) -> None:
    if "REDIS_URL" in house.given:
        house.variables["REDIS_URL"] = house.given["REDIS_URL"]
        return
    server = RedisServer(house.data_dir / "redis")
    stack.push_async_callback(server.stop)
    await server.start()
    house.servers["Redis"] = server
    house.variables["REDIS_URL"] = house.urls["redis"] = server.url


async def _open_record(house: _House, stack: AsyncExitStack) -> None:
    """Postgres with the migrations of production applied, and the gateway that speaks Supabase's HTTP."""
    if "SUPABASE_URL" in house.given:
        _say("using the Supabase project of SUPABASE_URL as it is; `python -m app migrate` prepares it")
        return
    server = PostgresServer(house.data_dir / "postgres")
    stack.push_async_callback(server.stop)
    await server.start()
    house.servers["Postgres"] = server
    await migrate(server.dsn, MIGRATIONS)
    await load_examples(server.dsn)
    house.urls["postgres"] = server.dsn
    service_key = house.value("SUPABASE_KEY", house.secrets.supabase_key)
    gateway = create_gateway(server.dsn, service_key=service_key, anon_key=house.secrets.supabase_anon_key)
    url = await stack.enter_async_context(served(gateway, "Supabase gateway"))
    house.variables["SUPABASE_URL"] = house.urls["supabase"] = url


async def _open_twins(house: _House, stack: AsyncExitStack) -> None:
    """WhatsApp and Chatwoot, unless the variables name real ones."""
    kept = house.secrets
    whatsapp = WhatsAppTwinConfig(
        api_key=house.value("DIALOG360_API_KEY", kept.dialog360_api_key),
        webhook_url=f"{house.service_url}/webhooks/360dialog",
        webhook_secret=house.value("DIALOG360_WEBHOOK_SECRET", kept.dialog360_webhook_secret),
        snapshot=house.data_dir / "whatsapp.json",
    )
    house.value("WHATSAPP_VERIFY_TOKEN", kept.whatsapp_verify_token)
    if "DIALOG360_BASE_URL" not in house.given:
        url = await stack.enter_async_context(served(create_whatsapp_twin(whatsapp), "WhatsApp twin"))
        house.variables["DIALOG360_BASE_URL"] = house.urls["360dialog"] = url
    chatwoot = ChatwootTwinConfig(
        api_token=house.value("CHATWOOT_API_TOKEN", kept.chatwoot_api_token),
        account_id=int(house.value("CHATWOOT_ACCOUNT_ID", "1")),
        inbox_id=int(house.value("CHATWOOT_INBOX_ID", "1")),
        webhook_url=f"{house.service_url}/webhooks/chatwoot",
        webhook_secret=house.value("CHATWOOT_WEBHOOK_SECRET", kept.chatwoot_webhook_secret),
        with_bot=True,
        snapshot=house.data_dir / "chatwoot.json",
    )
    if "CHATWOOT_BASE_URL" not in house.given:
        house.value("CHATWOOT_AGENT_BOT_ID", "1")  # the twin comes with this bot
        url = await stack.enter_async_context(served(create_chatwoot_twin(chatwoot), "Chatwoot twin"))
        house.variables["CHATWOOT_BASE_URL"] = house.urls["chatwoot"] = url


async def _open_embeddings(house: _House, stack: AsyncExitStack) -> None:
    """The real local model, unless OpenAI or another server is named; optional, as its wheel is not for all machines.

    It loads with the first request (0.6 s measured), which the service does not wait long for.
    """
    if "OPENAI_API_KEY" in house.given or "EMBEDDINGS_BASE_URL" in house.given or not installed():
        return
    url = await stack.enter_async_context(served(create_embeddings_server(), "embedding model"))
    house.urls["embeddings"] = url
    house.variables |= {"EMBEDDINGS_BASE_URL": f"{url}/v1", "EMBEDDINGS_MODEL": MODEL}


def _for_service(house: _House) -> dict[str, str]:
    """Variables of the service: what is set wins, the rest is the house's."""
    own = {
        "ENVIRONMENT": "development",
        "HOST": "127.0.0.1",
        "WEB_CONCURRENCY": "1",
        "OPS_TOKEN": house.secrets.ops_token,
        "STATE_ENCRYPTION_KEY": house.secrets.state_encryption_key,
        # A desk that candidates could meet: both are named in the greeting and the consent text.
        "COMPANY_NAME": "Example Staffing",
        "PRIVACY_URL": "https://example.com/privacy",
        "ALTERNATIVE_CONTACT": "https://example.com/apply",
    }
    return {**own, **house.variables, **house.given, "PORT": str(house.port)}


def _state_of(house: _House) -> HouseState:
    return HouseState(
        pid=os.getpid(),
        urls={"service": house.service_url, **house.urls},
        ops_token=house.given.get("OPS_TOKEN", house.secrets.ops_token),
    )


def _welcome(house: _House, log: Path) -> str:
    thinking = "Claude" if "ANTHROPIC_API_KEY" in house.given else "the guided engine (no ANTHROPIC_API_KEY)"
    lines = [
        f"ready after {_seconds_since_the_command():.1f} s",
        "",
        f"  service    {house.service_url}",
        f"  WhatsApp   {house.urls.get('360dialog') or house.given['DIALOG360_BASE_URL']}",
        f"  Chatwoot   {house.urls.get('chatwoot') or house.given['CHATWOOT_BASE_URL']}",
        f"  thinks by  {thinking}",
        f"  log        {log}",
        "",
        "Write to it as a candidate, in another terminal:  ./start.sh chat",
        "Stop with Ctrl-C; start empty with:  ./start.sh local --fresh",
    ]
    return "\n".join(lines)


def _seconds_since_the_command() -> float:
    """Since start.sh was called: it becomes this process. psutil's create_time is off by up to a second on Linux."""
    if sys.platform != "linux":
        return time.time() - psutil.Process().create_time()
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])  # proc(5): starttime
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")


def _say(text: str, *, stream: TextIO | None = None) -> None:
    out = stream or sys.stdout
    out.write(text + "\n")
    out.flush()
