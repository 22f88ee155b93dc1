"""Renders the declared variables: `python -m app.settings_template > .railway-env.template`."""

import shlex
import sys
import textwrap
from pathlib import Path

from app.settings import variables
from app.settings_values import Group, Var
from app.settings_variables import Variables

_HEAD = r"""
# Variables of the WhatsApp recruitment platform.
# Rendered from app/settings_variables.py by `python -m app.settings_template`; a test refuses any difference.
#
# Lines without `#` are required in production and staging: fill them in. The others show their default; remove the
# `#` to change one. Placeholders and empty values are refused at start-up, all of them at once and by name.
# `./start.sh local` and `./start.sh test` need none of these.
#
# A shell reads this file: put a value in single quotes unless it is all letters, digits and . _ - / : @ % + =
# A single quote within is written '\''. The quotes are no part of the value: leave them out in Railway's dashboard.
#   COMPANY_NAME='Müller & Söhne $1 GmbH'
#   COMPANY_NAME='Anna'\''s "Best" Jobs'
""".lstrip()


def _kind(name: str) -> str:
    """What a value looks like when the declaration does not say: its type in words."""
    if name.endswith(("_URL", "_ENDPOINT")):
        return "https://…"
    annotation = Variables.model_fields[name.lower()].annotation
    kinds = {int: "number", float: "number of seconds", Path: "directory"}
    return kinds.get(annotation, "text") if isinstance(annotation, type) else "text"


def _entry(name: str, var: Var) -> str:
    """Comment lines and the assignment of one variable."""
    field = Variables.model_fields[name.lower()]
    default = "" if field.default is None else str(field.default)
    facts = {
        "Format": var.form or _kind(name),
        "Default": "" if var.required else default or "unset",
        "Where from": var.source,
        "Also read as": ", ".join(var.aliases),
        "Security": var.security,
    }
    lines = textwrap.wrap(field.description or "", width=116)
    for label, fact in facts.items():
        lines += textwrap.wrap(f"{label}: {fact}", width=116, subsequent_indent="  ") if fact else []
    assignment = f"{name}=" if var.required else f"#{name}={shlex.quote(default) if default else ''}"
    if var.group is Group.RAILWAY:
        assignment = f"#{name}"
    return "\n".join([*(f"# {line}" for line in lines), assignment]) + "\n"


def render_template() -> str:
    """The whole file, grouped, in the order of the declarations."""
    declared = variables()
    parts = [_HEAD]
    for group in Group:
        entries = [_entry(name, var) for name, var in declared.items() if var.group is group]
        parts.append(f"# {'=' * 10} {group} {'=' * 10}\n")
        parts += entries
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render_template())
