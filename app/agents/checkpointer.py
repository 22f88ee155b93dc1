"""Checkpoints in Redis that hold JSON only, revive no classes, and are encrypted at rest when a key is set.

AsyncRedisSaver's own serializer turns Pydantic models into dictionaries, `Decimal` into 0, and imports modules that
stored data name (contracts/llm.md §2); so what is not plain JSON is refused when written and left alone when read.
Overrides private hooks of langgraph-checkpoint-redis: pinned to 0.5.2, and a round-trip test guards it.
"""

import base64
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, empty_checkpoint
from langgraph.checkpoint.redis.aio import AsyncRedisSaver
from langgraph.checkpoint.redis.jsonplus_redis import JsonPlusRedisSerializer
from langgraph.types import Interrupt, Send
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

# Keys that the vendor's serializer would turn into objects.
_RESERVED = {"__bytes__", "__send__", "__interrupt__", "__delta_snapshot__", "__sealed__"}
_NONCE = 12
_SEALED = "+aesgcm"


def assert_json(value: Any, path: str = "$") -> None:
    """Raises TypeError naming the path of the first value that is not plain JSON."""
    if value is None or isinstance(value, str | bool | float):
        return
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise TypeError(f"{path}: an integer of more than 64 bits")
        return
    if isinstance(value, Interrupt | Send | BaseException):
        return  # written by langgraph itself
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            assert_json(item, f"{path}[{index}]")
        return
    if not isinstance(value, dict):
        raise TypeError(f"{path}: {type(value).__name__} is not JSON")
    if _RESERVED & value.keys() or (value.get("lc") in (1, 2) and value.get("type") == "constructor"):
        raise TypeError(f"{path}: a key that the serializer reserves")
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{path}: a key that is no string")
        assert_json(item, f"{path}.{key}")


class StrictSerializer(JsonPlusRedisSerializer):
    """JSON in, JSON out; with a key, sealed with AES-256-GCM."""

    def __init__(self, key: bytes | None) -> None:
        super().__init__()
        self._cipher = AESGCM(key) if key else None

    def seal(self, content: bytes) -> bytes:
        """Encrypt under a fresh nonce; without a key, as it is."""
        if self._cipher is None:
            return content
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, None)

    def unseal(self, content: bytes) -> bytes:
        """Raises InvalidTag for a wrong key or changed content."""
        if self._cipher is None:
            return content
        return self._cipher.decrypt(content[:_NONCE], content[_NONCE:], None)

    @property
    def seals(self) -> bool:
        """Whether a key is set."""
        return self._cipher is not None

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Raises TypeError for what is not JSON."""
        assert_json(obj)
        kind, content = super().dumps_typed(obj)
        return (kind + _SEALED, self.seal(content)) if self.seals else (kind, content)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value, its dictionaries as they are."""
        kind, content = data
        if kind.endswith(_SEALED):
            return super().loads_typed((kind.removesuffix(_SEALED), self.unseal(content)))
        return super().loads_typed(data)

    def _revive_if_needed(self, obj: Any) -> Any:
        if isinstance(obj, list):
            return [self._revive_if_needed(item) for item in obj]
        if isinstance(obj, dict) and obj.get("lc") in (1, 2) and obj.get("type") == "constructor":
            return obj  # the vendor would import the class that it names
        return super()._revive_if_needed(obj) if isinstance(obj, dict) else obj

    def plain(self, value: Any) -> bytes:
        """Orjson with the vendor's encoding of langgraph's own objects."""
        return orjson.dumps(value, default=self._default_handler)


class HardenedRedisSaver(AsyncRedisSaver):
    """The full saver (never the shallow one, see contracts/llm.md) with a strict serializer."""

    def __init__(self, redis: Redis, key: bytes | None) -> None:
        super().__init__(redis_client=redis)
        self._strict = StrictSerializer(key)
        self.serde = self._strict

    def _dump_checkpoint(self, checkpoint: Checkpoint) -> dict[str, Any]:
        values = checkpoint["channel_values"]
        assert_json(values)
        dumped: dict[str, Any] = orjson.loads(self._strict.plain({**checkpoint, "channel_values": {}}))
        dumped["channel_versions"] = {name: str(version) for name, version in dumped["channel_versions"].items()}
        content = self._strict.plain(values)
        if self._strict.seals:
            dumped["channel_values"] = {"__sealed__": base64.b64encode(self._strict.seal(content)).decode()}
        else:
            dumped["channel_values"] = orjson.loads(content)
        return {"type": "json", **dumped, "pending_sends": []}

    def _dump_metadata(self, metadata: CheckpointMetadata) -> str:
        return orjson.dumps(metadata, default=str).decode().replace("\\u0000", "")

    def _recursive_deserialize(self, obj: Any) -> Any:
        if isinstance(obj, dict) and obj.keys() == {"__sealed__"}:
            content = self._strict.unseal(base64.b64decode(obj["__sealed__"]))
            return super()._recursive_deserialize(orjson.loads(content))
        return super()._recursive_deserialize(obj)


@asynccontextmanager
async def open_checkpointer(url: str, key: bytes | None) -> AsyncIterator[HardenedRedisSaver]:
    """A saver over a pool of its own; `asetup` must run before the first use. `key`: 32 bytes or None."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=20,
        timeout=10,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        # A pool made by hand retries nothing by itself; with this a turn survives a restart of Redis.
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 8),
    )
    redis = Redis(connection_pool=pool)
    try:
        yield HardenedRedisSaver(redis, key)
    finally:
        await redis.aclose()
        await pool.aclose()


async def prune(saver: HardenedRedisSaver, thread_id: str) -> None:
    """Keep the thread's last checkpoint only."""
    await saver.aprune([thread_id], keep_last=1)


async def round_trip(saver: HardenedRedisSaver) -> None:
    """Write, read and delete a checkpoint of a probe thread. Raises RuntimeError when it does not come back."""
    thread_id = f"probe-{uuid.uuid4().hex}"
    config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"probe": thread_id}
    await saver.aput(config, checkpoint, {"source": "input", "step": -1, "parents": {}}, {})
    try:
        found = await saver.aget_tuple(config)
        if found is None or found.checkpoint["channel_values"].get("probe") != thread_id:
            raise RuntimeError("the checkpoint did not come back as written")
    finally:
        await saver.adelete_thread(thread_id)
