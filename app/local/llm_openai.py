"""OpenAI's Responses protocol (`POST /v1/responses`) over a script: JSON answers, server-sent events, errors."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import orjson

from app.local.llm_anthropic import Refused, text_of
from app.local.llm_cache import CommonPrefixCache
from app.local.llm_script import Answer, Asked, Json, schema_fault, tokens

_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 429: "tokens"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def error_body(status: int, message: str) -> Json:
    """The vendor's error document."""
    error = {"message": message, "type": _TYPES.get(status, "server_error"), "param": None, "code": _CODES.get(status)}
    return {"error": error}


def read_request(body: Json) -> Asked:
    """The request as the script sees it. Raises Refused for what the vendor answers with a 400."""
    if not body.get("model"):
        raise Refused(400, "you must provide a model parameter")
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list(given or [])
    if not items:
        raise Refused(400, "input is required")
    shape = (body.get("text") or {}).get("format") or {}
    schema = shape.get("schema") if shape.get("type") == "json_schema" else None
    if schema is not None and shape.get("strict") and (fault := schema_fault(schema, "openai")):
        raise Refused(400, f"invalid schema for response_format {shape.get('name')!r}: {fault}")
    tools = {tool["name"]: tool["parameters"] for tool in body.get("tools") or [] if tool.get("type") == "function"}
    system = [text_of(item.get("content")) for item in items if item.get("role") in {"system", "developer"}]
    user = [text_of(item.get("content")) for item in items if item.get("role") == "user"]
    return Asked(
        vendor="openai",
        model=body["model"],
        system="\n".join([body.get("instructions") or "", *system]).strip(),
        text=user[-1] if user else "",
        schema=schema,
        tools=tools,
        body=body,
    )


def _item(answer: Answer, *, cut_off: bool) -> Json | None:
    status = "incomplete" if cut_off else "completed"
    if answer.refusal:
        content: list[Json] = [{"type": "refusal", "refusal": answer.refusal}]
    elif answer.tool:
        call = {"type": "function_call", "id": f"fc_{secrets.token_hex(8)}", "call_id": f"call_{secrets.token_hex(8)}"}
        return {**call, "name": answer.tool, "arguments": answer.payload, "status": status}
    elif answer.payload:
        content = [{"type": "output_text", "text": answer.payload, "annotations": [], "logprobs": []}]
    else:
        return None
    return {
        "type": "message",
        "id": f"msg_{secrets.token_hex(12)}",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def response(asked: Asked, answer: Answer, cache: CommonPrefixCache, *, truncate: bool = False) -> Json:
    """The answer as a response with usage; longer than `max_output_tokens` (or `truncate`) it is incomplete."""
    body = asked.body
    most = (body.get("max_output_tokens") or 1_000_000) - answer.thinking_tokens
    payload = answer.payload
    cut_off = truncate or tokens(payload) > most
    if cut_off:
        shorter = payload[: min(len(payload) // 2, max(most, 0) * 4)]
        answer = Answer(text=shorter, refusal=answer.refusal, thinking_tokens=answer.thinking_tokens)
    prompt = orjson.dumps([body.get("text"), body.get("tools"), body.get("instructions"), body["input"]]).decode()
    usage = cache.use(f"{asked.model}:{body.get('prompt_cache_key')}", prompt)
    output = tokens(answer.payload) + answer.thinking_tokens
    item = _item(answer, cut_off=cut_off)
    status = "incomplete" if cut_off else "completed"
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": time.time(),
        "model": asked.model,
        # A missing status is what a broken gateway leaves of an answer.
        "status": None if answer.stop == "" else status,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
        "error": None,
        "instructions": body.get("instructions"),
        "output": [item] if item else [],
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "usage": {
            "input_tokens": usage.fresh + usage.read,
            "input_tokens_details": {"cached_tokens": usage.read, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
            "total_tokens": usage.fresh + usage.read + output,
        },
    }


def events(answered: Json) -> Iterator[tuple[str, Json]]:
    """The response as server-sent events, each with its sequence number."""
    for number, (name, data) in enumerate(_events(answered)):
        yield name, {"sequence_number": number, **data}


def _events(answered: Json) -> Iterator[tuple[str, Json]]:
    yield "response.created", {"response": {**answered, "status": "in_progress", "output": []}}
    for index, item in enumerate(answered["output"]):
        empty: Json = {"content": []} if item["type"] == "message" else {"arguments": ""}
        yield "response.output_item.added", {"output_index": index, "item": {**item, **empty}}
        yield from _parts(item, {"item_id": item["id"], "output_index": index})
        yield "response.output_item.done", {"output_index": index, "item": item}
    end = "response.incomplete" if answered["status"] == "incomplete" else "response.completed"
    yield end, {"response": answered}


def _parts(item: Json, where: Json) -> Iterator[tuple[str, Json]]:
    if item["type"] != "message":
        done: Any = {"arguments": item["arguments"], "name": item["name"]}
        yield "response.function_call_arguments.delta", {**where, "delta": item["arguments"]}
        yield "response.function_call_arguments.done", {**where, **done}
        return
    for index, part in enumerate(item["content"]):
        place = {**where, "content_index": index}
        kind, key = ("output_text", "text") if part["type"] == "output_text" else ("refusal", "refusal")
        yield "response.content_part.added", {**place, "part": {**part, key: ""}}
        step = max(1, len(part[key]) // 3)
        for start in range(0, len(part[key]), step):
            piece = part[key][start : start + step]
            yield f"response.{kind}.delta", {**place, "delta": piece, "logprobs": []}
        yield f"response.{kind}.done", {**place, key: part[key], "logprobs": []}
        yield "response.content_part.done", {**place, "part": part}
