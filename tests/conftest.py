"""Fixtures of every test: real servers from wheels, started once per test process."""

# A module comes before those that import it, so that its assertions are rewritten.
pytest_plugins: list[str] = [
    "tests.fixtures.telemetry",
    "tests.fixtures.redis",
    "tests.fixtures.twins",
    "tests.fixtures.record",
    "tests.fixtures.stack",
    "tests.fixtures.agents",
    "tests.fixtures.models",
]
