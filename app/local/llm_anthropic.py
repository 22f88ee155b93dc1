"""Anthropic's Messages protocol (`POST /v1/messages`) over a script: JSON answers, server-sent events, errors."""

import secrets
from collections.abc import Iterator
from typing import Any

import orjson

from app.local.llm_cache import MarkedPrefixCache, Usage
from app.local.llm_script import Answer, Asked, Json, schema_fault, tokens

# Sampling parameters went away with this version of the API (Anthropic: migration-2026-10-21).
_WITHOUT_SAMPLING = "2026-10-21"
_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


class Refused(Exception):
    """The request is answered with an error; `status` as the vendor's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_body(status: int, message: str) -> Json:
    """The vendor's error document."""
    error = {"type": _TYPES.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": f"req_{secrets.token_hex(8)}"}


def text_of(content: Any) -> str:
    """Text of a message's content, given as a string or as blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content or [] if isinstance(block, dict))


def read_request(body: Json, version: str) -> Asked:
    """The request as the script sees it. Raises Refused for what the vendor answers with a 400."""
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            raise Refused(400, f"{name}: Field required")
    if not version:
        raise Refused(400, "anthropic-version: header is required")
    if version >= _WITHOUT_SAMPLING and {"temperature", "top_p", "top_k"} & body.keys():
        raise Refused(400, "sampling parameters are not supported by this version")
    shape = (body.get("output_config") or {}).get("format") or {}
    schema = shape.get("schema")
    if schema is not None and (fault := schema_fault(schema, "anthropic")):
        raise Refused(400, f"output_config.format.schema: {fault}")
    tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools") or [] if "input_schema" in tool}
    if body["messages"][-1].get("role") != "user":
        raise Refused(400, "messages: the last one must be the user's")
    return Asked(
        vendor="anthropic",
        model=body["model"],
        system=text_of(body.get("system")),
        text=text_of(body["messages"][-1]["content"]),
        schema=schema,
        tools=tools,
        body=body,
    )


def _blocks(body: Json) -> list[tuple[str, str]]:
    """Parts of the prompt in the order in which they are cached, each with the ttl of its mark or ""."""

    def mark(block: Json) -> str:
        control = block.get("cache_control")
        return str(control.get("ttl", "5m")) if control else ""

    parts = [(orjson.dumps(body.get("output_config")).decode(), "")]
    parts += [(orjson.dumps(tool).decode(), mark(tool)) for tool in body.get("tools") or []]
    system = body.get("system") or []
    system = [{"type": "text", "text": system}] if isinstance(system, str) else system
    parts += [(block.get("text", ""), mark(block)) for block in system]
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts += [(orjson.dumps(block.get("text", block)).decode(), mark(block)) for block in blocks]
    if automatic := body.get("cache_control"):
        parts[-1] = (parts[-1][0], str(automatic.get("ttl", "5m")))
    return parts


def _content(answer: Answer) -> Json | None:
    if answer.refusal:
        return {"type": "text", "text": answer.refusal}
    if answer.tool:
        value = answer.value if answer.value is not None else {}
        return {"type": "tool_use", "id": f"toolu_{secrets.token_hex(10)}", "name": answer.tool, "input": value}
    return {"type": "text", "text": answer.payload} if answer.payload else None


def _stop(answer: Answer, *, cut_off: bool) -> str | None:
    if answer.stop is not None:
        return answer.stop or None
    if answer.refusal:
        return "refusal"
    if cut_off:
        return "max_tokens"
    return "tool_use" if answer.tool else "end_turn"


def message(asked: Asked, answer: Answer, cache: MarkedPrefixCache, *, truncate: bool = False) -> Json:
    """The answer as a message with usage; longer than `max_tokens` (or `truncate`) it breaks off, as the vendor's."""
    most = asked.body["max_tokens"] - answer.thinking_tokens
    payload = answer.payload
    cut_off = truncate or tokens(payload) > most
    if cut_off:
        shorter = payload[: min(len(payload) // 2, max(most, 0) * 4)]
        answer = Answer(text=shorter, refusal=answer.refusal, stop=answer.stop, thinking_tokens=answer.thinking_tokens)
    block = _content(answer)
    usage = cache.use(asked.model, _blocks(asked.body))
    refusal = {"stop_details": {"type": "refusal", "category": None, "explanation": None}} if answer.refusal else {}
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [block] if block else [],
        "stop_reason": _stop(answer, cut_off=cut_off),
        "stop_sequence": None,
        "usage": _usage(usage, tokens(answer.payload) + answer.thinking_tokens, answer.thinking_tokens),
        **refusal,
    }


def _usage(usage: Usage, output: int, thinking: int) -> Json:
    return {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": "standard",
    }


def events(answered: Json) -> Iterator[tuple[str, Json]]:
    """The message as server-sent events, text in thirds."""
    opening = {**answered, "content": [], "stop_reason": None, "usage": {**answered["usage"], "output_tokens": 1}}
    yield "message_start", {"message": opening}
    for index, block in enumerate(answered["content"]):
        is_text = block["type"] == "text"
        empty: Json = {"text": ""} if is_text else {"input": {}}
        yield "content_block_start", {"index": index, "content_block": {**block, **empty}}
        payload = block["text"] if is_text else orjson.dumps(block["input"]).decode()
        step = max(1, len(payload) // 3)
        for start in range(0, len(payload), step):
            piece = payload[start : start + step]
            delta = {"type": "text_delta", "text": piece} if is_text else {"type": "input_json_delta"}
            yield (
                "content_block_delta",
                {"index": index, "delta": delta if is_text else delta | {"partial_json": piece}},
            )
        yield "content_block_stop", {"index": index}
    closing = {"stop_reason": answered["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"delta": closing, "usage": {"output_tokens": answered["usage"]["output_tokens"]}}
    yield "message_stop", {}
