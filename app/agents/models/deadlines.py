"""How much time a turn has left to think, over all its agents."""

import time
from collections import OrderedDict
from collections.abc import Callable

from app.agents.state import TurnInput

_REMEMBERED = 4096  # turns; many times what one process has under way
_FIRST_SHARE = 0.6  # of what is left, to a vendor behind whom another one stands


class Deadlines:
    """A turn's time begins with the first agent that thinks about it in this process.

    Kept by turn and attempt, not by the turn's own clock: a replay of last week's turn has its time too, and a turn
    resumed after a crash does not begin exhausted.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends: OrderedDict[tuple[str, int], float] = OrderedDict()

    def end(self, turn: TurnInput, most: float) -> float:
        """The moment on the clock by which models must have answered an agent that may wait `most` seconds."""
        key = (turn["turn_id"], turn["attempt"])
        if key not in self._ends:
            self._ends[key] = self._clock() + self._seconds
            if len(self._ends) > _REMEMBERED:
                self._ends.popitem(last=False)
        return min(self._ends[key], self._clock() + most)

    def share(self, end: float, most: float, *, last: bool) -> float:
        """Seconds for a call that begins now and may take `most`: the last vendor may use up what is left."""
        left = max(end - self._clock(), 0.0)
        return min(most, left if last else left * _FIRST_SHARE)
