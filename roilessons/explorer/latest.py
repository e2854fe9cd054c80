"""Many changes, one answer: of many events in quick succession only the last state is answered."""

import asyncio
import threading

UNSEEN = 0.5  # seconds after which a page that does not report back no longer holds up the next answer


class Latest:
    """Calls `answer()` after changes: never two at a time, and never faster than the page shows them.

    Without an event loop, as in a plain script, each change is answered at once. A kernel may run cells in one thread and
    what widgets say in another.

    Parameters
    ----------
    answer : callable without arguments
        Looks at the state as it is when called; what it was in between is dropped.
    """

    def __init__(self, answer):
        self._answer, self._stale, self._under_way, self._timer = answer, False, False, None
        self._answering = False
        self._lock = threading.RLock()

    def ask(self):
        """Something changed."""
        with self._lock:
            if self._answering:  # the answer itself moved a slider, and goes on from there
                return
            self._stale = True
            loop = running_loop()
            if loop is None:
                self.settle()
            elif not self._under_way and self._timer is None:
                self._timer = loop.call_soon(self.settle)

    def settle(self):
        """Answer now what is not answered yet, as code needs that reads a result in the next line."""
        with self._lock:
            if not self._stale:
                return
            self._stop_timer()
            self._stale = False
            self._answering = True
            try:
                self._answer()
            finally:
                self._answering = False
            if (loop := running_loop()) is not None:
                self._under_way = True
                self._timer = loop.call_later(UNSEEN, self.seen)

    def seen(self):
        """The page shows the last answer: the next may follow."""
        with self._lock:
            self._stop_timer()
            self._under_way = False
            self.settle()

    def stop(self):
        """Answer no more."""
        with self._lock:
            self._stop_timer()
            self._stale, self._answering = False, True

    def _stop_timer(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def running_loop():
    """The event loop that this code runs in; None in a plain script."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
