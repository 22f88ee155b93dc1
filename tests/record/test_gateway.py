"""The unchanged supabase package against the local gateway: the same answers and errors as hosted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import postgrest
import pytest
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from app.database import supabase_pool
from app.database.errors import BadRequest, Conflict, Forbidden, RecordOutdated, RecordUnavailable
from app.database.quarantine import QuarantinedItem
from app.database.record import Record, open_record
from app.local.gateway import create_gateway
from app.local.house_parts import served
from app.local.postgres import PostgresServer
from tests.fixtures.desk import unique

EXAMPLES = """
create table public.things (id integer primary key, name text, kind text);
insert into public.things values (1, 'one', 'odd'), (2, 'two', 'even'), (3, 'three', 'odd'), (4, null, 'even');
grant select on public.things to service_role;
create table public.closed (id integer);
create function public.add(a integer, b integer default 10) returns integer language sql as 'select a + b';
create function public.odd() returns setof public.things language sql as 'select * from public.things where id % 2 = 1';
create function public.nothing() returns void language sql as '';
create function public.echo(words text[], at timestamptz) returns jsonb language sql
  as $$ select jsonb_build_object('words', words, 'year', extract(year from at)) $$;
create function public.refuse(code text) returns void language plpgsql
  as $$ begin raise exception 'no' using errcode = code, detail = 'd', hint = 'h'; end $$;
create function public.slow(p jsonb) returns integer language sql as 'select 1 from pg_sleep(2)';
create function public.secret(p jsonb default '{}') returns integer language sql as 'select 1';
create function public.who() returns text language sql as 'select current_user::text';
revoke execute on all functions in schema public from public;
grant execute on all functions in schema public to service_role;
grant execute on function public.who to anon;
revoke execute on function public.secret from service_role;
"""


@pytest.fixture(scope="module")
async def examples(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A Postgres of this module's own, which may be stopped."""
    directory: Path = tmp_path_factory.mktemp("examples")
    server = PostgresServer(directory / "data", durable=False)
    await server.start()
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(EXAMPLES)
    await connection.close()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def url(examples: PostgresServer) -> AsyncIterator[str]:
    async with served(create_gateway(examples.dsn, service_key="secret", anon_key="public"), "gateway") as address:
        yield address


@pytest.fixture(scope="module")
async def client(url: str) -> AsyncIterator[AsyncClient]:
    async with httpx.AsyncClient() as session:
        options = AsyncClientOptions(httpx_client=session, auto_refresh_token=False, persist_session=False)
        yield await acreate_client(url, "secret", options)


async def test_functions_are_called_with_named_arguments(client: AsyncClient) -> None:
    assert (await client.rpc("add", {"a": 1, "b": 2}).execute()).data == 3
    assert (await client.rpc("add", {"a": 1}).execute()).data == 11
    echoed = await client.rpc("echo", {"words": ["a", "b,c"], "at": "2026-11-23T00:00:00Z"}).execute()
    assert echoed.data == {"words": ["a", "b,c"], "year": 2026}


async def test_a_function_may_return_rows_or_nothing(client: AsyncClient) -> None:
    rows = (await client.rpc("odd").execute()).data
    assert [row["id"] for row in rows] == [1, 3]  # type: ignore[index, union-attr, call-overload]
    assert (await client.rpc("nothing").execute()).data == []


async def test_simple_selects_read_tables(client: AsyncClient) -> None:
    things = client.table("things")
    assert (await things.select("id").order("id", desc=True).limit(2).execute()).data == [{"id": 4}, {"id": 3}]
    assert (await things.select("*").eq("name", "two").execute()).data == [{"id": 2, "name": "two", "kind": "even"}]
    assert (await things.select("id").is_("name", "null").execute()).data == [{"id": 4}]
    assert (await things.select("id").in_("name", ["one", "a,b"]).execute()).data == [{"id": 1}]
    assert (await things.select("id").gte("id", 2).lt("id", 4).order("id").execute()).data == [{"id": 2}, {"id": 3}]
    assert (await things.select("number:id").neq("kind", "odd").order("id").execute()).data == [
        {"number": 2},
        {"number": 4},
    ]
    assert (await things.select("id").not_.is_("name", "null").not_.eq("id", 1).order("id").execute()).data == [
        {"id": 2},
        {"id": 3},
    ]
    assert (await things.select("id").ilike("name", "T*").order("id").execute()).data == [{"id": 2}, {"id": 3}]
    assert (await things.select("id").order("id").offset(1).limit(1).execute()).data == [{"id": 2}]
    assert (await things.select("id").eq("name", "' or true --").execute()).data == []


async def test_single_rows_are_objects(client: AsyncClient) -> None:
    assert (await client.table("things").select("id").eq("id", 1).single().execute()).data == {"id": 1}
    nobody = await client.table("things").select("id").eq("id", 99).maybe_single().execute()
    assert nobody is None
    with pytest.raises(postgrest.APIError) as caught:
        await client.table("things").select("id").single().execute()
    assert caught.value.code == "PGRST116"


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ("rpc/unknown", 404, "PGRST202"),
        ("rpc/secret", 403, "42501"),
        ("things?select=nope", 400, "42703"),
        ("things?id=eq.x", 400, "22P02"),
        ("things?id=like.%2", 404, "42883"),
        ("things?id=around.5", 400, "PGRST100"),
        ("things?limit=-1", 400, "PGRST100"),
        ("things?order=id.sideways", 400, "PGRST100"),
        ('things?select="id"', 400, "PGRST100"),
        ("closed", 403, "42501"),
        ("absent", 404, "PGRST205"),
        ("pg_authid", 404, "PGRST205"),
    ],
)
async def test_refusals_have_postgrests_status_and_code(url: str, call: str, status: int, code: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"apikey": "secret"}) as session:
        if call.startswith("rpc/"):
            response = await session.post(f"/rest/v1/{call}", json={})
        else:
            response = await session.get(f"/rest/v1/{call}")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert set(response.json()) == {"code", "message", "details", "hint"}


@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [("P0001", 400), ("PT402", 402), ("23505", 409), ("40001", 500), ("57014", 504), ("42501", 403), ("22000", 400)],
)
async def test_raised_errors_keep_code_details_and_hint(url: str, sqlstate: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"apikey": "secret"}) as session:
        response = await session.post("/rest/v1/rpc/refuse", json={"code": sqlstate})
    assert response.status_code == status
    assert response.json() == {"code": sqlstate, "message": "no", "details": "d", "hint": "h"}


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b'"\xff"', b"null", b"3"])
async def test_a_body_that_is_no_json_object_is_refused(url: str, body: bytes) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"apikey": "secret"}) as session:
        response = await session.post("/rest/v1/rpc/add", content=body)
    assert response.status_code in (400, 404)
    assert response.json()["code"] in ("PGRST102", "PGRST202")


async def test_keys_decide_the_role(url: str) -> None:
    async def asked(headers: dict[str, str], path: str = "rpc/who") -> tuple[int, object]:
        async with httpx.AsyncClient(base_url=url, headers=headers) as session:
            response = await session.post(f"/rest/v1/{path}", json={})
            return response.status_code, response.json()

    assert await asked({"apikey": "secret"}) == (200, "service_role")
    assert await asked({"apikey": "public"}) == (200, "anon")
    assert (await asked({"apikey": "public"}, "rpc/odd"))[0] == 401
    status, body = await asked({})
    assert (status, body["message"]) == (401, "No API key found in request")  # type: ignore[index]
    status, body = await asked({"apikey": "wrong"})
    assert (status, body["message"]) == (401, "Invalid API key")  # type: ignore[index]
    status, body = await asked({"apikey": "secret", "content-profile": "desk"})
    assert (status, body["code"]) == (406, "PGRST106")  # type: ignore[index]


async def test_a_migration_that_replaces_a_function_is_noticed(url: str, examples: PostgresServer) -> None:
    owner = await asyncpg.connect(examples.dsn)
    await owner.execute("create function public.shape() returns integer language sql as 'select 1'")
    await owner.execute("grant execute on function public.shape to service_role")
    async with httpx.AsyncClient(base_url=url, headers={"apikey": "secret"}) as session:
        assert (await session.post("/rest/v1/rpc/shape", json={})).json() == 1
        await owner.execute("drop function public.shape")
        assert (await session.post("/rest/v1/rpc/shape", json={})).status_code == 404
        await owner.execute(
            "create function public.shape(x integer default 2) returns integer language sql as 'select x'"
        )
        await owner.execute("grant execute on function public.shape to service_role")
        assert (await session.post("/rest/v1/rpc/shape", json={})).json() == 2
    await owner.close()


async def test_errors_of_the_record_say_what_may_be_done(url: str, record: Record, gateway_url: str) -> None:
    async with open_record(url, "secret") as strange:
        with pytest.raises(RecordOutdated, match="PGRST202"):
            await strange.schema_version()
        with pytest.raises(Forbidden):
            await strange.pool.call("secret", {}, int)
    async with open_record(gateway_url, "wrong key") as stranger:
        with pytest.raises(Forbidden, match="Invalid API key"):
            await stranger.schema_version()
    with pytest.raises(BadRequest):
        await record.pool.call("commit_turn", {"conversation_id": "x"}, dict)
    with pytest.raises(Conflict):
        await record.pool.call("record_quarantine", {"items": [{"source": None}]}, dict)


async def test_personal_data_in_a_refused_value_stays_out_of_the_error(record: Record) -> None:
    with pytest.raises(BadRequest) as caught:
        await record.pool.call("commit_turn", {"conversation_id": "+31 6 12345678 Jo"}, dict)
    assert "31" not in str(caught.value)
    with pytest.raises(Conflict) as refused:
        await record.pool.call(
            "record_quarantine", {"items": [{"source": "s", "reason": None, "body": "Jo", "received_at": 1}]}, dict
        )
    assert "Jo" not in str(refused.value)


async def test_the_sync_client_answers_the_operators_one_liner(gateway_url: str, supabase_key: str) -> None:
    supabase_pool.configure("", "")
    with pytest.raises(RuntimeError, match="SUPABASE_URL"):
        supabase_pool.get_supabase_client()
    supabase_pool.configure(gateway_url, supabase_key)

    def one_liner() -> object:
        client = supabase_pool.get_supabase_client()
        return client.table("consent_records").select("id").limit(1).execute().data

    assert isinstance(await asyncio.to_thread(one_liner), list)


async def test_while_postgres_is_away_the_record_says_try_again_and_recovers(
    url: str, examples: PostgresServer, client: AsyncClient
) -> None:
    async with open_record(url, "secret") as record:
        assert (await client.rpc("who").execute()).data == "service_role"
        await examples.stop()
        try:
            for _ in range(3):
                async with httpx.AsyncClient(base_url=url, headers={"apikey": "secret"}) as session:
                    response = await session.post("/rest/v1/rpc/who", json={})
                assert (response.status_code, response.json()["code"]) == (503, "PGRST001")
            with pytest.raises(RecordUnavailable):
                await record.schema_version()
        finally:
            await examples.start()
        assert (await client.rpc("who").execute()).data == "service_role"


async def test_a_call_that_takes_too_long_is_given_up(url: str) -> None:
    async with open_record(url, "secret", timeout=0.2) as record:
        with pytest.raises(RecordUnavailable, match="in time"):
            await record.pool.call("slow", {}, int)


async def test_nobody_listening_is_unavailable() -> None:
    async with open_record("http://127.0.0.1:9", "key", connect_timeout=1) as record:
        with pytest.raises(RecordUnavailable) as caught:
            await record.schema_version()
    assert caught.value.retryable


async def test_a_connection_that_breaks_as_it_is_used_is_replaced_once() -> None:
    """Servers close idle connections; one in a while is closed just as a call begins."""
    requests = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                requests += 1
                if requests in (2, 4, 5):
                    break
                writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n"1"')
                await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_record(f"http://127.0.0.1:{port}", "key") as record:
        assert [await record.schema_version(), await record.schema_version()] == ["1", "1"]
        assert requests == 3
        with pytest.raises(RecordUnavailable):
            await record.schema_version()
        assert requests == 5


async def test_the_pool_never_opens_more_connections_than_its_size() -> None:
    opened = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                await reader.readexactly(size)
                writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n"1"')
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_record(f"http://127.0.0.1:{port}", "key", pool_size=3) as record:
        answers = await asyncio.gather(*(record.schema_version() for _ in range(30)))
        assert set(answers) == {"1"}
        assert opened == 3


async def test_malformed_input_is_kept_once(record: Record) -> None:
    item = QuarantinedItem(source="360dialog", reason="no id", body=unique('{"a": "\x00'), received_at=1.0)
    assert await record.quarantine.record([item, item]) == 1
    assert await record.quarantine.record([item]) == 0
    assert await record.quarantine.record([]) == 0


async def test_the_health_route_answers_without_a_key(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as session:
        assert (await session.get("/auth/v1/health")).status_code == 200
