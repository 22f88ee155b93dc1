"""Checkpoints in Redis that hold JSON only, revive no classes, expire, and are encrypted at rest when a key is set.

AsyncRedisSaver's own serializer turns Pydantic models into dictionaries, `Decimal` into 0, and imports modules that
stored data name; its encrypted variant leaves checkpoints in plain text. So reading and writing
is done here, in fewer round trips; keys, indexes and deletion are upstream's, hence the exact pin to 0.5.2.
"""

import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    empty_checkpoint,
    get_checkpoint_id,
)
from langgraph.checkpoint.redis.aio import AsyncRedisSaver
from langgraph.checkpoint.redis.key_registry import CheckpointKeyRegistry
from langgraph.checkpoint.redis.util import (
    from_storage_safe_str,
    safely_decode,
    to_storage_safe_id,
    to_storage_safe_str,
)
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redisvl.query import FilterQuery  # type: ignore[import-untyped]  # redisvl ships no types
from redisvl.query.filter import Tag  # type: ignore[import-untyped]

from app.agents.sealing import Seal, SealError
from app.telemetry.logs import get_logger
from app.telemetry.metrics import CHECKPOINT_BYTES

log = get_logger()
CONNECTIONS = 20  # measured: 10, 20 and 50 give the same turns/s, the cost is CPU
KEEP_SECONDS = 30 * 86400  # a checkpoint is a cache; the record rebuilds what expired
# Beginnings of the names of all keys that belong to threads.
_OURS = (b"checkpoint", b"write_keys_zset")
_MOST_CHECKPOINTS = 10_000  # of one thread in one look-up; pruned threads have one


class _Place(NamedTuple):
    """Where a checkpoint lies; the parts are authenticated with its content."""

    thread_id: str
    namespace: str
    checkpoint_id: str

    @classmethod
    def of(cls, config: RunnableConfig, checkpoint_id: str) -> "_Place":
        configurable = config["configurable"]
        return cls(str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", "")), checkpoint_id)

    @property
    def writes(self) -> str:
        """Key of the list of this checkpoint's pending writes."""
        return CheckpointKeyRegistry.make_write_keys_zset_key(self.thread_id, self.namespace, self.checkpoint_id)

    @property
    def state(self) -> str:
        return "|".join((*self, "state"))

    def write(self, task_id: str, index: int, channel: str) -> str:
        return "|".join((*self, task_id, str(index), channel))

    def config(self) -> RunnableConfig:
        return {
            "configurable": {
                "thread_id": self.thread_id,
                "checkpoint_ns": self.namespace,
                "checkpoint_id": self.checkpoint_id,
            }
        }

    def document(self) -> dict[str, str]:
        """The fields that upstream's search indexes use."""
        return {
            "thread_id": to_storage_safe_id(self.thread_id),
            "checkpoint_ns": to_storage_safe_str(self.namespace),
            "checkpoint_id": to_storage_safe_id(self.checkpoint_id),
        }


def _storable(channel: str, value: Any) -> Any:
    """A failed task's error becomes its class name: messages of exceptions may quote a candidate."""
    return {"error": type(value).__name__, "channel": channel} if isinstance(value, BaseException) else value


class HardenedRedisSaver(AsyncRedisSaver):
    """The full saver (never the shallow one, which re-applies old writes) with sealed JSON content."""

    _redis: Redis

    def __init__(self, redis: Redis, key: bytes | None, *, keep_seconds: int = KEEP_SECONDS) -> None:
        """`keep_seconds`: how long an untouched conversation's checkpoint is kept."""
        super().__init__(redis_client=redis)
        self._seal = Seal(key)
        self._keep_seconds = keep_seconds

    def _key(self, place: _Place) -> str:
        return self._make_redis_checkpoint_key(place.thread_id, place.namespace, place.checkpoint_id)

    def _set(self, pipe: "Pipeline", key: str, document: dict[str, Any]) -> None:
        stored = orjson.dumps(document)
        CHECKPOINT_BYTES.observe(len(stored))
        pipe.execute_command("JSON.SET", key, "$", stored)
        pipe.expire(key, self._keep_seconds)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002  # upstream's signature; state is stored whole
        stream_mode: str = "values",  # noqa: ARG002
    ) -> RunnableConfig:
        """Store a checkpoint and point at it, in one round trip."""
        place = _Place.of(config, checkpoint["id"])
        parent = str(config["configurable"].get("checkpoint_id") or "")
        document = {
            **place.document(),
            "run_id": "",
            "parent_checkpoint_id": to_storage_safe_id(parent) if parent else "",
            "checkpoint_ts": time.time() * 1000,
            "source": metadata.get("source", ""),
            "step": metadata.get("step", 0),
            "metadata": orjson.dumps(metadata, default=str).decode(),
            "checkpoint": {**checkpoint, "channel_values": {}},
            "state": self._seal.close(checkpoint["channel_values"], place.state),
        }
        key = self._key(place)
        async with self._redis.pipeline(transaction=True) as pipe:
            self._set(pipe, key, document)
            pipe.set(
                self._make_redis_checkpoint_latest_key(place.thread_id, place.namespace), key, ex=self._keep_seconds
            )
            await pipe.execute()
        return place.config()

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a finished node wrote, so that a resumed turn does not run it again; one round trip."""
        if not writes:
            return
        place = _Place.of(config, str(config["configurable"]["checkpoint_id"]))
        async with self._redis.pipeline(transaction=True) as pipe:
            positions = {}
            for position, (channel, value) in enumerate(writes):
                index = WRITES_IDX_MAP.get(channel, position)
                sealed = self._seal.close(_storable(channel, value), place.write(task_id, index, channel))
                document = {
                    **place.document(),
                    **{"task_id": task_id, "task_path": task_path, "idx": index, "channel": channel},
                    "type": "json",
                    "blob": sealed,
                }
                key = self._make_redis_checkpoint_writes_key(*place, task_id, index)
                self._set(pipe, key, document)
                positions[key] = position
            pipe.zadd(place.writes, positions)
            pipe.expire(place.writes, self._keep_seconds)
            await pipe.execute()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The named or latest checkpoint. One that does not open counts as gone: the record rebuilds the state."""
        checkpoint_id = get_checkpoint_id(config) or await self._latest(config)
        if not checkpoint_id:
            return None
        place = _Place.of(config, checkpoint_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("JSON.GET", self._key(place))
            pipe.zrange(place.writes, 0, -1)
            stored, write_keys = await pipe.execute()
        if not stored:
            return None
        document = orjson.loads(stored)
        try:
            values = self._seal.open(document["state"], place.state)
            pending = await self._pending(place, write_keys)
        except (SealError, KeyError):
            log.warning("checkpoint.unreadable", advice="state is rebuilt from the record")
            return None
        parent = document["parent_checkpoint_id"]
        return CheckpointTuple(
            config=place.config(),
            checkpoint=cast(Checkpoint, {**document["checkpoint"], "channel_values": values}),
            metadata=orjson.loads(document["metadata"]),
            parent_config=place._replace(checkpoint_id=parent).config() if parent else None,
            pending_writes=pending,
        )

    async def _latest(self, config: RunnableConfig) -> str:
        place = _Place.of(config, "")
        key = await self._redis.get(self._make_redis_checkpoint_latest_key(place.thread_id, place.namespace))
        return str(safely_decode(key)).rpartition(":")[2] if key else ""

    async def _pending(self, place: _Place, keys: list[bytes]) -> list[PendingWrite]:
        if not keys:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("JSON.MGET", *keys, "$")
            (found,) = await pipe.execute()
        writes = [orjson.loads(text)[0] for text in found if text]
        writes.sort(key=lambda write: (write["task_path"], write["task_id"], write["idx"]))
        return [
            (
                write["task_id"],
                write["channel"],
                self._seal.open(write["blob"], place.write(write["task_id"], write["idx"], write["channel"])),
            )
            for write in writes
        ]

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints of one thread, newest first. Raises ValueError without a thread: there is no list of all."""
        if config is None:
            raise ValueError("name a thread; checkpoints are listed per conversation")
        before_id = get_checkpoint_id(before) if before else None
        wanted = get_checkpoint_id(config)
        namespace = config["configurable"].get("checkpoint_ns")
        yielded = 0
        for place in await self._places(str(config["configurable"]["thread_id"])):
            skipped = before_id is not None and place.checkpoint_id >= before_id
            other = (wanted and place.checkpoint_id != wanted) or (
                namespace is not None and place.namespace != namespace
            )
            if skipped or other:
                continue
            found = await self.aget_tuple(place.config())
            if found is None or any(found.metadata.get(name) != value for name, value in (filter or {}).items()):
                continue
            if limit is not None and yielded >= limit:
                return
            yielded += 1
            yield found

    async def _places(self, thread_id: str) -> list[_Place]:
        """All checkpoints of a thread, newest first (their ids ascend with time)."""
        query = FilterQuery(
            filter_expression=Tag("thread_id") == to_storage_safe_id(thread_id),
            return_fields=["checkpoint_ns", "checkpoint_id"],
            num_results=_MOST_CHECKPOINTS,
        )
        docs = (await self.checkpoints_index.search(query)).docs
        places = [_Place(thread_id, from_storage_safe_str(doc.checkpoint_ns), doc.checkpoint_id) for doc in docs]
        return sorted(places, key=lambda place: place.checkpoint_id, reverse=True)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete everything of a thread, found by its name.

        Upstream asks the search index, which knows nothing yet of what lay there before it was built: an erased
        conversation would leave its state behind. A scan of the names is dear and certain, and erasing is rare.
        """
        found = [
            key
            async for key in self._redis.scan_iter(match=f"*:{to_storage_safe_id(thread_id)}:*", count=1000)
            if bytes(key).startswith(_OURS)
        ]
        if found:
            await self._redis.unlink(*found)

    async def forget_checkpoint(self, config: RunnableConfig) -> None:
        """Delete one checkpoint without writes, and the pointer at it, by their names. `config` is what `aput` gave."""
        place = _Place.of(config, str(config["configurable"]["checkpoint_id"]))
        pointer = self._make_redis_checkpoint_latest_key(place.thread_id, place.namespace)
        await self._redis.unlink(self._key(place), place.writes, pointer)

    async def keep_latest(self, thread_id: str) -> None:
        """Delete all but the newest checkpoint of each namespace, in three round trips whatever their number."""
        seen: set[str] = set()
        old: list[_Place] = []
        for place in await self._places(thread_id):
            if place.namespace in seen:
                old.append(place)
            seen.add(place.namespace)
        if not old:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for place in old:
                pipe.zrange(place.writes, 0, -1)
            writes: list[list[bytes]] = await pipe.execute()
        keys = [key for keys in writes for key in keys]
        await self._redis.unlink(*keys, *(self._key(place) for place in old), *(place.writes for place in old))


@asynccontextmanager
async def open_checkpointer(
    url: str, key: bytes | None, *, keep_seconds: int = KEEP_SECONDS
) -> AsyncIterator[HardenedRedisSaver]:
    """A saver over a pool of its own; `asetup` must run before the first use. `key`: 32 bytes or None."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=10,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        # A pool made by hand retries nothing by itself; with this a turn survives a restart of Redis.
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 8),
    )
    redis = Redis(connection_pool=pool)
    try:
        yield HardenedRedisSaver(redis, key, keep_seconds=keep_seconds)
    finally:
        await redis.aclose()
        await pool.aclose()


async def prune(saver: HardenedRedisSaver, thread_id: str) -> None:
    """Keep the thread's last checkpoint only."""
    await saver.keep_latest(thread_id)


async def round_trip(saver: HardenedRedisSaver) -> str:
    """Write, read and delete a checkpoint of a probe thread; returns the thread's id.

    Raises RuntimeError when it does not come back.
    """
    thread_id = f"probe-{uuid.uuid4().hex}"
    config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"probe": thread_id}
    written = await saver.aput(config, checkpoint, {"source": "input", "step": -1, "parents": {}}, {})
    try:
        found = await saver.aget_tuple(config)
        if found is None or found.checkpoint["channel_values"].get("probe") != thread_id:
            raise RuntimeError("the checkpoint did not come back as written")
    finally:
        await saver.forget_checkpoint(written)
    return thread_id
