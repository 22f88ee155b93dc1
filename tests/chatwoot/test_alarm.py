"""Whatever meets a refused token rings the alarm, also where nothing is written."""

import contextlib

import httpx
import pytest
from prometheus_client import REGISTRY

from app.channels.chatwoot import Chatwoot
from app.channels.errors import Halted
from tests.fixtures.twins import CHATWOOT_TOKEN, ChatwootRun


async def test_a_search_that_meets_a_refused_token_rings_the_alarm_until_one_is_taken(chatwoot: ChatwootRun) -> None:
    url = str(chatwoot.http.base_url)
    for token, halted in (("revoked", 1), (CHATWOOT_TOKEN, 0)):
        async with httpx.AsyncClient(base_url=url, headers={"api_access_token": token}, trust_env=False) as http:
            search = Chatwoot(http, account_id=1, inbox_id=1)
            with pytest.raises(Halted) if halted else contextlib.nullcontext():
                await search.conversations(page=1)
        assert REGISTRY.get_sample_value("desk_halted") == halted
