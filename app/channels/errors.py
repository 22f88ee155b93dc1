"""What a vendor's refusal means for the message that was being sent.

SendError
├ Retry        not sent; try again after `retry_after` seconds (transient, throttled)
├ Ambiguous    may have been sent: reconcile before any repeat
├ WindowClosed the 24-hour window is closed: only templates
├ Rejected     this message can never be sent (recipient, request or template at fault)
└ Halted       the account or key is at fault: nothing can be sent until a person mends it
"""


class SendError(Exception):
    """`code` is the vendor's error code (0 = none), `title` a phrase of ours; neither holds personal data.

    `kind` is the class of the error as metrics count it.
    """

    kind = "content"

    def __init__(self, title: str, *, code: int = 0, retry_after: float = 0.0, kind: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.code = code
        self.retry_after = retry_after
        self.kind = kind or type(self).kind


class Retry(SendError):
    """Not sent; `retry_after` seconds is a floor, 0 = the caller's own backoff."""

    kind = "server"


class Ambiguous(SendError):
    """No answer, or one that does not say: the vendor may have accepted."""

    kind = "timeout"


class WindowClosed(SendError):
    """131047: more than 24 hours since the candidate last wrote."""

    kind = "window_closed"


class Rejected(SendError):
    """Repeating the same message cannot help."""


class Halted(SendError):
    """Key, payment or account trouble: every message would fail."""

    kind = "auth"
