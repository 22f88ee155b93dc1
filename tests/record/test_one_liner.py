"""The operator's one-liner, as the documentation shows it: a fresh interpreter and two variables."""

import asyncio
import os
import sys

ONE_LINER = (
    "from app.database.supabase_pool import get_supabase_client;"
    "print(get_supabase_client().table('consent_records').select('id').limit(1).execute().data)"
)


async def _run(**variables: str) -> tuple[int | None, str]:
    environ = {**os.environ, "ENVIRONMENT": "test", "SUPABASE_URL": "", "SUPABASE_KEY": "", **variables}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_LINER, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await child.communicate()
    return child.returncode, output.decode()


async def test_the_one_liner_reads_the_record_with_two_variables_alone(gateway_url: str, supabase_key: str) -> None:
    code, output = await _run(SUPABASE_URL=gateway_url, SUPABASE_KEY=supabase_key)
    assert code == 0, output
    assert output.strip().startswith("[")


async def test_without_the_variables_it_names_them() -> None:
    code, output = await _run()
    assert code != 0
    assert "SUPABASE_URL and SUPABASE_KEY are not set" in output
