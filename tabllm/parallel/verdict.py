"""Which process says why a fit failed, so that one does, and all end within seconds with the same exit code.

Beside what an engine computes through, every process has a connection to process 0. Whoever fails first says so
there; process 0 lets all know. A thread in each process listens, and ends the process if it does not end by itself:
no process waits for one that is gone, whatever the engine's own library does.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .group import Group, LostProcess

__all__ = ["Board", "Verdict"]

#: Seconds to come together, to hear from the others, and to end by oneself once another process has failed.
CONNECT_SECONDS, ANSWER_SECONDS, GRACE_SECONDS = 60.0, 3.0, 10.0
#: Bytes of the word by which a connection is known to come from one of us.
KEY_BYTES = 16


@dataclass(frozen=True)
class Verdict:
    """How a fit ends that failed.

    Attributes:
        speaker: number of the process that says why.
        code: exit code of all.
        reason: what it says, where that is not its own error.
    """

    speaker: int
    code: int
    reason: str = ""


class Board:
    """The connections of one process: process 0 has one to each other, the others have one to it.

    Args:
        address: of process 0.

    Raises:
        LostProcess: if the others do not come.
    """

    def __init__(self, group: Group, address: str) -> None:
        self.rank, self.size = group.rank, group.size
        self.verdict: Verdict | None = None
        self._finished = False
        self._lock = threading.Lock()
        self._decided, self._leaving = threading.Event(), threading.Event()
        try:
            self._links = _connect(group, address)
        except OSError as error:
            raise LostProcess(f"The processes of this fit cannot reach each other at {address} ({error}).") from None
        self._listeners = [
            threading.Thread(target=self._listen, args=(rank, link), daemon=True, name=f"board-{rank}")
            for rank, link in self._links.items()
        ]
        for listener in self._listeners:
            listener.start()

    def settle(self, code: int, *, lost: bool = False, patient: bool = False) -> Verdict:
        """Say that this process fails, unless another did before, and give what holds for all.

        Args:
            lost: whether it fails only as another one is gone, which then has more to say.
            patient: whether process 0 has likely failed of the same cause, and is to speak.
        """
        self._leaving.set()
        if lost or (patient and self.rank):
            self._decided.wait(ANSWER_SECONDS)
        mine = Verdict(self.rank, code)
        if self.rank == 0:
            self._decide(mine)
        elif not self._decided.is_set():
            self._send(0, asdict(mine))
            self._decided.wait(ANSWER_SECONDS)
        return self.verdict or mine

    def finish(self) -> None:
        """From here on a connection that ends is one whose process is done."""
        self._finished = True

    def close(self) -> None:
        """Close the connections, and wait until nobody listens."""
        self._leaving.set()
        for link in self._links.values():
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self.wait()

    def wait(self) -> None:
        """Wait until the connections are closed, by this process or by the others."""
        for listener in self._listeners:
            listener.join(ANSWER_SECONDS)

    # -- the threads ------------------------------------------------------------------------------------------
    def _listen(self, rank: int, link: socket.socket) -> None:
        """Hear process ``rank``."""
        with contextlib.suppress(OSError, ValueError, TypeError), link.makefile("rb") as lines:
            for line in lines:
                self._decide(Verdict(**json.loads(line)))
        if not self._finished:
            gone = (
                f"Process {rank} of the {self.size} of this fit (counted from 0) was killed, or its machine is gone; "
                "the same command goes on from the last checkpoint, if there is one."
            )
            self._decide(Verdict(self.rank, 1, gone))
        verdict = self.verdict
        if verdict is None or self._leaving.wait(GRACE_SECONDS):
            return
        # The main thread waits inside a library that does not notice.
        if verdict.speaker == self.rank and verdict.reason:
            print(f"Error: {verdict.reason}", file=sys.stderr, flush=True)
        os._exit(verdict.code)

    def _decide(self, verdict: Verdict) -> None:
        with self._lock:
            if self.verdict is not None:
                return
            self.verdict = verdict
        for rank in self._links if self.rank == 0 else ():
            self._send(rank, asdict(verdict))
        self._decided.set()

    def _send(self, rank: int, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # who is gone need not know
            self._links[rank].sendall(json.dumps(message).encode() + b"\n")


def _connect(group: Group, address: str) -> dict[int, socket.socket]:
    """The connection to each process, by number. Strangers get none: ``group`` passes on the key to it."""
    key = np.frombuffer(secrets.token_bytes(KEY_BYTES), np.uint8)
    server = _server(address, group.size) if group.leads else None
    port = np.array([server.getsockname()[1] if server else 0], np.int64)
    key, port = group.gather(key)[0], group.gather(port)[0]
    if server is None:
        link = socket.create_connection((address, int(port[0])), timeout=CONNECT_SECONDS)
        link.sendall(key.tobytes() + group.rank.to_bytes(4, "big"))
        link.settimeout(None)
        return {0: link}
    links: dict[int, socket.socket] = {}
    with server:
        server.settimeout(CONNECT_SECONDS)
        while len(links) < group.size - 1:
            link, _ = server.accept()
            link.settimeout(CONNECT_SECONDS)
            greeting = b""
            with contextlib.suppress(OSError):
                greeting = link.recv(KEY_BYTES + 4, socket.MSG_WAITALL)
            if greeting[:KEY_BYTES] == key.tobytes() and len(greeting) == KEY_BYTES + 4:
                link.settimeout(None)
                links[int.from_bytes(greeting[KEY_BYTES:], "big")] = link
            else:
                link.close()
    return links


def _server(address: str, size: int) -> socket.socket:
    """Listens at ``address``, or everywhere where that is not what this machine calls itself."""
    try:
        return socket.create_server((address, 0), backlog=size)
    except OSError:
        return socket.create_server(("", 0), backlog=size)
