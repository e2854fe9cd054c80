"""Waiting for a state rather than for a time, however busy the machine is; and ports that nobody else takes meanwhile."""

import random
import socket
import time
from contextlib import suppress

PATIENCE = 300  # seconds for what takes a few; only what never comes is waited for so long


def until(condition, said=lambda: "it never came"):
    """Wait until `condition()` is true, and return what it gave; where it never is, fail with what `said()` gives."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, said()
        time.sleep(0.05)
    return found


def free_port():
    """A free port of this machine, below those that the system gives to whoever asks for any: it is still free when a server has started."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
