"""python -m shop.web_server: Granian over wsgi.py, the application loaded once and shared by its processes.

Loaded by each process for itself, the same code and tables would stand in memory as often as there are processes.
So the first process loads them, counts them as there to stay (gc.freeze), and forks the others; what they never
write to they share. A new version of the code is started by a new server, not by a signal.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import resource

from granian.constants import Interfaces
from granian.server.mp import MPServer

# Granian's "backpressure" counts open connections, and browsers keep theirs open for half a minute with nothing to ask.
# At its own choice of 256 a process, some hundred visitors who only looked made everybody else wait for that long.
CONNECTIONS = 4_096
FILES_BESIDE = 256


def main() -> None:
    """Serve until SIGTERM; what was begun is answered first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=12, help="WEB_THREADS and LIVE_STREAMS together")
    parser.add_argument("--seconds-to-finish", type=int, default=15)
    parser.add_argument("app", nargs="?", default="wsgi:app")
    chosen = parser.parse_args()
    module, _, name = chosen.app.partition(":")
    gc.disable()  # what is loaded stays: looking through it again and again is a sixth of the start
    app = getattr(importlib.import_module(module), name)
    gc.collect()
    gc.freeze()
    gc.enable()
    server = MPServer(
        chosen.app,
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.WSGI,
        websockets=False,
        backlog=512,
        backpressure=connections_allowed(),
        workers=chosen.processes,
        blocking_threads=chosen.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=chosen.seconds_to_finish,
    )
    server.serve(target_loader=lambda: app, wrap_loader=False)


def connections_allowed() -> int:
    """How many connections a process may have open: all we want, or as many files as the kernel lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + FILES_BESIDE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return CONNECTIONS
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(FILES_BESIDE, files - FILES_BESIDE)


if __name__ == "__main__":
    main()
