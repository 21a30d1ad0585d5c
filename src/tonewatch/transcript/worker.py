"""One process with a recogniser in it, and the handle of it.

It is spawned, not forked, has a low priority and does one task at a time. It ends when its owner
does, as its pipe is closed then.
"""

import os
import signal
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeAlias

from tonewatch.core.errors import TonewatchError, TranscriptError
from tonewatch.transcript.backend import Recognised, Recogniser, Session
from tonewatch.transcript.schedule import Key, Task

MakeRecogniser: TypeAlias = Callable[[], Recogniser]

_CHANNELS = 200  # whose sessions are remembered between utterances

_Answer: TypeAlias = tuple[list[Recognised], str]


class Worker:
    """The handle of a process that recognises.

    Args:
        make_recogniser: called in the process.
        nice: added to its niceness.
    """

    def __init__(self, make_recogniser: MakeRecogniser, nice: int) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, make_recogniser, nice), daemon=True, name="words"
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def load(self, timeout_s: float) -> None:
        """Wait until the model is loaded.

        Raises:
            TranscriptError: It cannot be loaded; the message says why.
            EOFError: The process ended.
            TimeoutError: It did not load in time.
        """
        _, failure = self._receive(timeout_s)
        if failure:
            raise TranscriptError(failure)

    def do(self, task: Task, timeout_s: float) -> _Answer:
        """Have a task done; returns what was recognised, and why the rest failed, if it did.

        Raises:
            EOFError: The process ended.
            TimeoutError: It took too long.
        """
        try:
            self._pipe.send(task)
        except OSError as error:
            raise EOFError from error
        return self._receive(timeout_s)

    def end(self) -> None:
        """End the process, whatever it does; safe from another thread than the one that waits."""
        self._process.kill()
        self._process.join()

    def _receive(self, timeout_s: float) -> _Answer:
        try:
            if not self._pipe.poll(timeout_s):
                raise TimeoutError
            answer: _Answer = self._pipe.recv()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise EOFError from error
        return answer


def _serve(pipe: Connection, make_recogniser: MakeRecogniser, nice: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner decides when to end
    if hasattr(os, "nice"):
        os.nice(nice)
    try:
        recogniser = make_recogniser()
    except TonewatchError as error:
        pipe.send(([], str(error)))
        return
    pipe.send(([], ""))
    sessions = _Sessions(recogniser)
    while True:
        try:
            task: Task = pipe.recv()
        except EOFError:
            return
        pipe.send(sessions.do(task))


class _Sessions:
    """The sessions of a process: those of channels long unheard are forgotten."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._sessions: OrderedDict[Key, Session] = OrderedDict()
        self._under_way: set[Key] = set()

    def do(self, task: Task) -> _Answer:
        session = self._sessions.pop(task.key, None) or self._recogniser.session()
        self._sessions[task.key] = session
        self._forget()
        told: list[Recognised] = []
        try:
            if task.begins:
                session.begin(task.start_s)
                self._under_way.add(task.key)
            if task.samples.size:
                told += session.push(task.samples)
            if task.ends:
                self._under_way.discard(task.key)
                told += session.finish()
        except TonewatchError as error:
            self._under_way.discard(task.key)
            del self._sessions[task.key]
            if isinstance(error, TranscriptError):
                told += error.phrases
            return told, str(error)
        return told, ""

    def _forget(self) -> None:
        for key in list(self._sessions)[: max(0, len(self._sessions) - _CHANNELS)]:
            if key not in self._under_way:
                del self._sessions[key]
