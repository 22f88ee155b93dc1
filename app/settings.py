"""The only reader of the environment.

`load_settings` gives the immutable settings of the process or says everything that is wrong with the environment at
once, by name and reason and never by value. The variables themselves are declared in `app/settings_variables.py`.
"""

import base64
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.settings_values import Fault, SettingsError, Var, is_placeholder, leaves_in_clear_text, text_of
from app.settings_variables import Variables

__all__ = ["Fault", "Settings", "SettingsError", "load_settings", "variables"]


class Settings(Variables):
    """Immutable; secrets never show in `repr`."""

    @property
    def strict(self) -> bool:
        """Deployed for real people: every required variable is set, operations doors need the token."""
        return _is_strict(self.environment)

    @property
    def state_key(self) -> bytes | None:
        """The 32 bytes of STATE_ENCRYPTION_KEY."""
        key = self.state_encryption_key
        return base64.b64decode(key.get_secret_value()) if key else None

    def given(self) -> dict[str, str]:
        """Every variable that was set, as text, secrets included: for the processes that we start."""
        return {field.upper(): text_of(getattr(self, field)) for field in self.model_fields_set}


def variables() -> dict[str, Var]:
    """Every variable that is read, by name."""
    return {
        field.upper(): next(item for item in info.metadata if isinstance(item, Var))
        for field, info in Settings.model_fields.items()
    }


def _is_strict(environment: str) -> bool:
    """A misspelt name is held to the strict rules too."""
    return environment not in {"development", "test"}


def _environment_name(environ: Mapping[str, str]) -> str:
    """ENVIRONMENT decides, except that a Railway environment called production is never less than that.

    Railway names environments freely (`pr-17`): any that is not `production` counts as staging.
    """
    on_railway = environ.get("RAILWAY_ENVIRONMENT_NAME") or environ.get("RAILWAY_ENVIRONMENT") or ""
    if on_railway == "production":
        return "production"
    return environ.get("ENVIRONMENT", "").strip() or ("staging" if on_railway else "development")


def _given(environ: Mapping[str, str], name: str, var: Var) -> str:
    for each in (name, *var.aliases):
        text = environ.get(each, "").strip()
        if text:
            return text
    return ""


def _reason(error: Mapping[str, Any]) -> str:
    """A sentence that follows the variable's name; pydantic's own texts do not contain the value."""
    message: str = error["msg"]
    if error["type"] == "value_error":
        return message.removeprefix("Value error, ")
    return "is refused: " + message[0].lower() + message[1:]


def _faults_between(settings: Settings) -> list[Fault]:
    """Rules that tie two variables, or a variable and the environment, together."""
    faults: list[Fault] = []
    if not settings.settle_short_seconds <= settings.settle_long_seconds <= settings.settle_cap_seconds:
        faults.append(Fault("SETTLE_LONG_SECONDS", "must lie between SETTLE_SHORT_SECONDS and SETTLE_CAP_SECONDS"))
    if settings.strict:
        for field in Settings.model_fields:
            value = getattr(settings, field)
            if field != "privacy_url" and isinstance(value, str) and leaves_in_clear_text(value):
                faults.append(Fault(field.upper(), "would send keys over plain http to a public host; use https"))
    return faults


def load_settings(environ: Mapping[str, str] | None = None, *, partial: bool = False) -> Settings:
    """Settings of the process, or of `environ` alone. Raises SettingsError with all faults at once.

    An unfilled placeholder is refused in production and staging; elsewhere it counts as unset. With `partial`
    required variables may be missing: for tools that run before all of them are known (`webhooks setup`).
    """
    environ = os.environ if environ is None else environ
    environment = _environment_name(environ)
    strict = _is_strict(environment) and not partial
    faults: list[Fault] = []
    values: dict[str, str] = {}
    for name, var in variables().items():
        text = environment if name == "ENVIRONMENT" else _given(environ, name, var)
        where = f" (where from: {var.source})" if var.source else ""
        unfilled = bool(text) and is_placeholder(text)
        if text and not unfilled:
            values[name.lower()] = text
        elif unfilled and strict:
            faults.append(Fault(name, "still holds a placeholder" + where))
        elif var.required and strict:
            faults.append(Fault(name, "is not set" + where))
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        faults += [Fault(str(each["loc"][0]).upper(), _reason(each)) for each in error.errors(include_input=False)]
    else:
        faults += _faults_between(settings)
        if not faults:
            return settings
    order = list(variables())
    raise SettingsError(sorted(faults, key=lambda fault: order.index(fault.name)))
