"""PostgREST's error bodies and the HTTP status each gets (PostgREST documentation, "Errors")."""

import re

import asyncpg
import orjson
from starlette.responses import Response

JSON = "application/json; charset=utf-8"

# By SQLSTATE or its class; what is not listed is 400.
_STATUS_BY_CODE = {"42883": 404, "42P01": 404, "42P17": 500, "25006": 405, "23503": 409, "23505": 409, "53400": 500}
_STATUS_BY_CODE |= {"P0001": 400, "21000": 500, "57014": 504}
_STATUS_BY_CLASS = {"08": 503, "53": 503, "09": 500, "25": 500, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500}
_STATUS_BY_CLASS |= {"54": 500, "55": 500, "57": 500, "58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500}
_STATUS_BY_CLASS |= {"0L": 403, "0P": 403, "28": 403}
_RAISED_STATUS = re.compile(r"PT(\d{3})")  # `raise … using errcode = 'PT402'` chooses the status itself


class ApiError(Exception):
    """An answer that is an error, worded as PostgREST words it."""

    def __init__(
        self, status: int, code: str, message: str, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, str | None] = {"code": code, "details": details, "hint": hint, "message": message}

    def response(self) -> Response:
        return Response(orjson.dumps(self.body), self.status, media_type=JSON)


class KeyRefusedError(ApiError):
    """No key or a wrong one. Not PostgREST says so but the proxy before it, which has no codes."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(401, "", message)
        self.body = {"message": message, "hint": hint}


def no_key() -> ApiError:
    return KeyRefusedError("No API key found in request", "No `apikey` request header or url param was found.")


def wrong_key() -> ApiError:
    return KeyRefusedError("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")


def no_database() -> ApiError:
    return ApiError(503, "PGRST001", "Could not connect with the database due to an internal error.")


def no_connection() -> ApiError:
    return ApiError(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def not_json() -> ApiError:
    return ApiError(400, "PGRST102", "Empty or invalid json")


def bad_query(reason: str) -> ApiError:
    return ApiError(400, "PGRST100", f"failed to parse the query: {reason}")


def other_schema() -> ApiError:
    return ApiError(406, "PGRST106", "The schema must be one of the following: public")


def not_single(count: int) -> ApiError:
    message = "Cannot coerce the result to a single JSON object"
    return ApiError(406, "PGRST116", message, f"The result contains {count} rows")


def no_table(name: str) -> ApiError:
    return ApiError(404, "PGRST205", f"Could not find the table 'public.{name}' in the schema cache")


def no_function(name: str, arguments: tuple[str, ...]) -> ApiError:
    """No function of this name takes exactly these arguments."""
    shown = f"public.{name}({', '.join(arguments)})" if arguments else f"public.{name} without parameters"
    message = f"Could not find the function {shown} in the schema cache"
    searched = f"Searched for the function {shown}, but no matches were found in the schema cache."
    return ApiError(404, "PGRST202", message, searched)


def of_postgres(fault: asyncpg.PostgresError, *, anonymous: bool) -> ApiError:
    """A statement's error; a missing right is 401 for somebody who did not say who they are."""
    code = fault.sqlstate or "XX000"
    if code == "42501":
        status = 401 if anonymous else 403
    elif raised := _RAISED_STATUS.fullmatch(code):
        status = int(raised.group(1))
    else:
        status = _STATUS_BY_CODE.get(code) or _STATUS_BY_CLASS.get(code[:2], 400)
    return ApiError(status, code, fault.message or "", fault.detail, fault.hint)
