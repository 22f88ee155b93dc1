"""Speaks Supabase's HTTP to the unchanged `supabase` package on behalf of a local Postgres.

RPC and simple selects as PostgREST answers them, with its roles: what lacks a GRANT fails here as it fails hosted.
JSON passes through as text; Postgres reads and writes it.
"""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local import gateway_errors as errors
from app.local.gateway_errors import JSON
from app.local.gateway_queries import QueryError, select_sql

ACQUIRE_SECONDS = 10.0  # PostgREST's db-pool-acquisition-timeout
_ONE_OBJECT = "application/vnd.pgrst.object+json"

# Arguments without a default are required.
_SIGNATURES = """
select p.proname, p.pronargs - p.pronargdefaults as required, coalesce(p.proargnames, '{}') as names,
  array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as a(t, n) order by n) as types,
  p.prorettype = 'void'::regtype as is_void, p.proretset as is_set
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.proname = $1 and p.prokind = 'f'
"""


if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    _Connection = PoolConnectionProxy[asyncpg.Record]


class _Call(NamedTuple):
    """How a function is called with certain arguments; the body is parameter 1."""

    statement: str
    is_void: bool


class Gateway:
    """Connections to Postgres, one pool per role. Connects on demand, so it outlives restarts of the server."""

    def __init__(self, dsn: str, *, service_key: str, anon_key: str, pool_size: int) -> None:
        self._dsn = dsn
        self._keys = {"service_role": service_key.encode(), "anon": anon_key.encode()}
        self._pool_size = pool_size
        self._pools: dict[str, asyncpg.Pool] = {}
        self._calls: dict[tuple[str, tuple[str, ...]], _Call] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the pools for the length of the block."""
        # The role is that of the session, set before the first statement: one statement is one transaction and one
        # round trip, where SET LOCAL ROLE would take four. `authenticator` has no rights of its own.
        for role in self._keys:
            self._pools[role] = await asyncpg.create_pool(
                self._dsn,
                user="authenticator",
                server_settings={"role": role},
                min_size=0,
                max_size=self._pool_size,
                reset=_keep_as_is,
                ssl=False,
            )
        yield
        for pool in self._pools.values():
            pool.terminate()

    async def answer(self, request: Request) -> Response:
        """One request to /rest/v1."""
        try:
            role = self._role_of(request)
            if "function" in request.path_params:
                return await self._rpc(role, request.path_params["function"], await request.body())
            return await self._select(role, request.path_params["table"], request)
        except errors.ApiError as error:
            return error.response()
        except TimeoutError:
            return errors.no_connection().response()
        except (OSError, asyncpg.InterfaceError):
            return errors.no_database().response()

    def _role_of(self, request: Request) -> str:
        """The role that the API key stands for. Raises ApiError."""
        key = request.headers.get("apikey")
        if not key:
            raise errors.no_key()
        given = key.encode(errors="surrogateescape")
        roles = [role for role, known in self._keys.items() if hmac.compare_digest(given, known)]
        if not roles:
            raise errors.wrong_key()
        header = "accept-profile" if request.method == "GET" else "content-profile"
        if request.headers.get(header, "public") != "public":
            raise errors.other_schema()
        return roles[0]

    @asynccontextmanager
    async def _connection(self, role: str) -> AsyncIterator["_Connection"]:
        """A connection as `role`; a statement's error becomes PostgREST's answer."""
        try:
            async with self._pools[role].acquire(timeout=ACQUIRE_SECONDS) as connection:
                yield connection
        except (asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError) as fault:
            raise errors.no_database() from fault
        except asyncpg.PostgresError as fault:
            raise errors.of_postgres(fault, anonymous=role == "anon") from fault

    async def _rpc(self, role: str, name: str, body: bytes) -> Response:
        """Call `public.<name>` with the named arguments of the JSON object `body`."""
        try:
            text = body.decode() or "{}"
            arguments = tuple(sorted(orjson.loads(text)))
        except (UnicodeDecodeError, orjson.JSONDecodeError, TypeError):
            raise errors.not_json() from None
        async with self._connection(role) as connection:
            call = self._calls.get((name, arguments)) or await self._resolve(connection, name, arguments)
            try:
                answer = await connection.fetchval(call.statement, text)
            except asyncpg.UndefinedFunctionError:
                self._calls.clear()  # a migration replaced it
                raise
        return Response(status_code=204) if call.is_void else Response(answer or "null", media_type=JSON)

    async def _resolve(self, connection: "_Connection", name: str, arguments: tuple[str, ...]) -> _Call:
        """The overload that takes exactly these arguments, those with a default left out or not."""
        for found in await connection.fetch(_SIGNATURES, name):
            types = dict(zip(found["names"], found["types"], strict=False))
            if set(found["names"][: found["required"]]) <= set(arguments) <= set(types):
                call = _Call(_statement(name, {a: types[a] for a in arguments}, found["is_set"]), found["is_void"])
                self._calls[name, arguments] = call
                return call
        raise errors.no_function(name, arguments)

    async def _select(self, role: str, table: str, request: Request) -> Response:
        """Read rows of `public.<table>`."""
        try:
            statement = select_sql(table, request.query_params.multi_items())
        except QueryError as fault:
            raise errors.bad_query(str(fault)) from None
        async with self._connection(role) as connection:
            try:
                rows: str = await connection.fetchval(statement)
            except asyncpg.UndefinedTableError:
                raise errors.no_table(table) from None
        if request.headers.get("accept") != _ONE_OBJECT:
            return Response(rows, media_type=JSON)
        found = orjson.loads(rows)
        if len(found) != 1:
            raise errors.not_single(len(found))
        return Response(orjson.dumps(found[0]), media_type=f"{_ONE_OBJECT}; charset=utf-8")


def _statement(name: str, types: dict[str, str], is_set: bool) -> str:
    """Calls the function with arguments read from parameter 1, a JSON object; names and types are the catalog's own."""
    given = ", ".join(f'"{argument}" => a."{argument}"' for argument in types)
    columns = ", ".join(f'"{argument}" {type_}' for argument, type_ in types.items())
    source = f"jsonb_to_record($1::jsonb) as a({columns})" if types else "(select $1::text) as a"
    call = f'public."{name}"({given})'
    if is_set:
        return f"select coalesce(json_agg(s), '[]')::text from {source}, lateral {call} as s"  # noqa: S608 - the catalog's own names
    return f"select to_jsonb({call})::text from {source}"  # noqa: S608 - the catalog's own names


async def _keep_as_is(_: asyncpg.Connection) -> None:
    """asyncpg's own reset costs a round trip; our statements leave no state behind."""


async def _healthy(_: Request) -> Response:
    """GoTrue's health route, which monitors of Supabase ask."""
    return Response(orjson.dumps({"name": "GoTrue", "description": "local gateway"}), media_type=JSON)


def create_gateway(dsn: str, *, service_key: str, anon_key: str, pool_size: int = 20) -> Starlette:
    """The gateway's ASGI app. `service_key` acts as service_role, `anon_key` as anon; any other key is refused."""
    gateway = Gateway(dsn, service_key=service_key, anon_key=anon_key, pool_size=pool_size)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    return Starlette(
        routes=[
            Route("/rest/v1/rpc/{function}", gateway.answer, methods=["POST"]),
            Route("/rest/v1/{table}", gateway.answer, methods=["GET"]),
            Route("/auth/v1/health", _healthy),
        ],
        lifespan=lifespan,
    )
