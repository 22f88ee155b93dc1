"""Fixtures of every test: real servers from wheels, started once per test process."""

pytest_plugins: list[str] = [
    "tests.fixtures.redis",
    "tests.fixtures.telemetry",
    "tests.fixtures.twins",
]
