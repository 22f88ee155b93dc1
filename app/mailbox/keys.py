"""Names of a mailbox's keys, and the scripts that change several of them in one step."""

from importlib.resources import files

DUE = "mb:due"


def script(name: str) -> str:
    """Text of one of the package's Lua scripts."""
    return files("app.mailbox").joinpath(f"scripts/{name}.lua").read_text()


def keys(address: str, *names: str) -> list[str]:
    """Redis keys of a mailbox, all in one hash slot."""
    return [f"mb:{{{address}}}:{name}" for name in names]
