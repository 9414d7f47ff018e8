"""How long a server is believed in: its requests that failed in a row, and whether it was ever there at all.

A server that has been met is waited for with patience: it may be busy or starting again. One that was never met is most
likely not running or misspelt, and the user should hear of it within seconds.
"""

from __future__ import annotations

import threading

from pairsmith.captions.writer import WriterUnavailable

FIRST_CONTACT_SECONDS = 5.0  # of refused connections, after which a server that was never met is given up
FIRST_CONTACT_WAIT = 2.0  # seconds between two tries until then


class ServerLine:
    """The line to one server, shared by all threads that write through it.

    Args:
        address: of the server, for messages.
        give_up_after: requests failing in a row that cut the line.
        longest_wait: seconds at most between two tries.
    """

    def __init__(self, address: str, give_up_after: int, longest_wait: float) -> None:
        self._address = address
        self._give_up_after = give_up_after
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self._met = False
        self._failed = 0
        self._reason = ""
        self._absent = ""  # the reason why the server is taken not to be there

    def met(self) -> None:
        """Somebody was there, whatever came of it."""
        with self._lock:
            self._met = True

    def answered(self) -> None:
        """A request got its answer."""
        with self._lock:
            self._met = True
            self._failed = 0

    def outside(self, reason: str, seconds: float, last: bool) -> None:
        """Nobody was there to talk to.

        Args:
            reason: what the system said.
            seconds: since the request's first try.
            last: whether that was its last try.

        Raises:
            WriterUnavailable: nobody ever was, and that was tried long enough.
        """
        if not self._met and (last or seconds > FIRST_CONTACT_SECONDS):
            self._absent = reason
            self.check()

    def failed(self, reason: str) -> None:
        """A request got no answer after all its tries.

        Raises:
            WriterUnavailable: as `check`.
        """
        with self._lock:
            self._failed += 1
            self._reason = reason
        self.check()

    def check(self) -> None:
        """
        Raises:
            WriterUnavailable: too many requests in a row got no answer, or the server was never there.
        """
        if self._absent and not self._met:
            raise WriterUnavailable(
                f"{self._address} cannot be reached ({self._absent}): start the server or correct the address, then "
                "run again"
            )
        if self._failed >= self._give_up_after:
            raise WriterUnavailable(
                f"{self._failed} requests in a row got no answer from the server, the last: {self._reason}; "
                "finished work is kept, run again when the server answers"
            )

    def wait(self, wished: float) -> float:
        """Seconds to wait before the next try."""
        return min(wished, self._longest_wait if self._met else min(self._longest_wait, FIRST_CONTACT_WAIT))
