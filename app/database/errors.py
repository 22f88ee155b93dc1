"""What can go wrong with the record.

RecordError                  base; `code` is the SQLSTATE, PGRST code or HTTP status, never data
├── RecordUnavailable        try again later: no connection, timeout, pool full, server restarting, deadlock
├── Conflict                 a rule of the schema refused the write (SQLSTATE 23xxx): repeating it changes nothing
├── Forbidden                wrong key or missing GRANT
└── BadRequest               our request is wrong (unknown column, malformed value): a defect, never retried
    └── RecordOutdated       the function or table does not exist there: run `python -m app migrate`
"""


class RecordError(Exception):
    """Base of all errors of the record. The text carries no personal data: Postgres' DETAIL is left out."""

    retryable = False

    def __init__(self, message: str, *, code: str = "", operation: str = "") -> None:
        super().__init__(f"{operation}: {message} [{code}]" if operation else message)
        self.code = code
        self.operation = operation


class RecordUnavailable(RecordError):
    """Nothing is known to be written; commits are idempotent, so that repeating is safe."""

    retryable = True


class Conflict(RecordError):
    """A constraint refused the write."""


class Forbidden(RecordError):
    """The key is wrong or the role lacks a grant."""


class BadRequest(RecordError):
    """The request itself is wrong."""


class RecordOutdated(BadRequest):
    """The database lacks what this version of the service expects."""
