"""The models that are configured by default are on sale: the vendors' own SDKs say which ones are not."""

import inspect
from typing import get_args

import pytest
from anthropic.resources.messages import DEPRECATED_MODELS
from anthropic.types.model_param import ModelParam
from openai.types.shared import chat_model
from openai.types.shared.chat_model import ChatModel

from app.settings import Settings

DEFAULTS = Settings()
CLAUDE = {DEFAULTS.router_model, DEFAULTS.extraction_model, DEFAULTS.conversation_model, DEFAULTS.crm_model}


@pytest.mark.parametrize("model", sorted(CLAUDE))
def test_claude_models_are_known_and_have_no_announced_end(model: str) -> None:
    assert model in get_args(get_args(ModelParam)[0]) + get_args(ModelParam)
    assert model not in DEPRECATED_MODELS


def test_the_gpt_model_is_known_and_has_no_announced_end() -> None:
    announced_ends = inspect.getsource(chat_model).rpartition("]\n")[2]  # the text behind the list of ids
    assert "shutdown date" in announced_ends
    assert DEFAULTS.fallback_model in get_args(ChatModel)
    assert f'"{DEFAULTS.fallback_model}"' not in announced_ends
