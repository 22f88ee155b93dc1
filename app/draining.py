"""Whether this process is on its way out."""

from typing import Final


class Draining:
    """Set by SIGTERM and never unset: readiness says no at once while requests are still answered."""

    def __init__(self) -> None:
        self.active = False

    def begin(self) -> None:
        """Safe inside a signal handler."""
        self.active = True


# One per process, because signals are.
DRAINING: Final = Draining()
