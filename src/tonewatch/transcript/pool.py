"""Recognisers in processes of their own, for all live calls; they give way by themselves.

Words cost a hundred times what emotion costs, so here they wait and emotion does not: the processes
have a low priority, and when more speech comes than they can carry, the calls of the highest
priority go first and what has waited too long is given up and told as `NotTranscribed`. A process
that dies or hangs is replaced, and what it had under way is told likewise.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeAlias

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Event
from tonewatch.core.signal import Samples, checked
from tonewatch.transcript.schedule import PoolSettings, Schedule, Told
from tonewatch.transcript.worker import MakeRecogniser, Worker

OnEvent: TypeAlias = Callable[[str, int, Event], None]
"""Told the call's id, the channel and the event."""

_LOOK_EVERY_S = 0.5
_LONGEST_BREAK_S = 30.0


class Pool:
    """Turns the speech of many channels into words, in other processes.

    Every method may be called from any thread and returns at once, but for `ready` and `stop`.

    Args:
        make_recogniser: called in each process; it must be importable there (a class of a module,
            or `functools.partial` of one).
        workers: how many processes.
        on_event: told `WordsRecognised`, `PhraseSpotted` and `NotTranscribed`, from one thread of
            the pool, one after the other; it must not wait.
        on_closed: told the id of a closed call after the last of its events, from the same thread.
        settings: when to give way.
        clock: the monotonic time.
    """

    def __init__(
        self,
        make_recogniser: MakeRecogniser,
        workers: int,
        on_event: OnEvent,
        *,
        on_closed: Callable[[str], None] | None = None,
        settings: PoolSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make_recogniser
        self._on_event = on_event
        self._on_closed = on_closed
        self._settings = settings or PoolSettings()
        self._clock = clock
        self._schedule = Schedule(self._settings)
        self._changed = threading.Condition()
        self._news: SimpleQueue[Told | str | None] = SimpleQueue()
        self._workers: dict[int, Worker] = {}
        self._loaded: set[int] = set()
        self._failure = ""
        self._stopped = False
        self._log = logging.getLogger("tonewatch.transcript")
        self._threads = [
            threading.Thread(target=self._work, args=(k,), name=f"words-{k}", daemon=True)
            for k in range(workers)
        ]
        self._teller = threading.Thread(target=self._tell, name="words-tell", daemon=True)
        for thread in (*self._threads, self._teller):
            thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait until a worker has loaded its model; false if none has after `timeout_s`.

        Raises:
            TranscriptError: The model cannot be loaded; the message says why.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._loaded or self._failure, timeout_s)
            if self._failure and not self._loaded:
                raise TranscriptError(self._failure)
            return bool(self._loaded)

    def open(self, call_id: str, channel: int) -> None:
        """Begin to take a channel of a call.

        Raises:
            CallError: It is open already.
        """
        with self._changed:
            self._schedule.open(call_id, channel)

    def push(self, call_id: str, channel: int, samples: Samples) -> None:
        """Take further samples of the channel, speech or not: shape [n], float32, 16 kHz, mono.

        Audio that was lost is to be pushed as zeros, so that times stay those of the stream. After
        `stop` nothing is taken.

        Raises:
            CallError: The channel is not open.
            BadSamplesError: They are no samples.
        """
        samples = checked(samples)
        with self._changed:
            if not self._stopped:
                self._schedule.push(call_id, channel, samples, self._clock())
                self._changed.notify()

    def speech(self, call_id: str, channel: int, start_s: float, end_s: float | None) -> None:
        """Tell that speech began (`end_s` is None) or ended, as `SpeechStarted`, `SpeechEnded` say.

        Tell it after the samples that it was heard in were pushed. An end takes effect with the
        samples after it, if no speech began before them.

        Raises:
            CallError: The channel is not open.
        """
        with self._changed:
            if not self._stopped:
                self._put(self._schedule.speech(call_id, channel, start_s, end_s, self._clock()))
                self._changed.notify()

    def judged(self, call_id: str, channel: int, until_s: float) -> None:
        """Tell up to where it was judged what is speech, so that older samples can be forgotten.

        Raises:
            CallError: The channel is not open.
        """
        with self._changed:
            if not self._stopped:
                self._schedule.judged(call_id, channel, until_s)

    def set_priority(self, call_id: str, value: float) -> None:
        """Set how urgent an open call is; the highest goes first, each begins at 0."""
        with self._changed:
            self._schedule.set_priority(call_id, value)

    def close(self, call_id: str) -> None:
        """Let a call end: what waits is still heard in its turn, then `on_closed` is told."""
        with self._changed:
            self._schedule.close(call_id, self._clock())
            self._put([])
            self._changed.notify()

    def waiting_s(self) -> float:
        """Seconds of speech that wait, over all calls."""
        with self._changed:
            return self._schedule.waiting_s()

    def stop(self) -> None:
        """End the processes; what still waits is told as `NotTranscribed`, then nothing more."""
        with self._changed:
            self._stopped = True
            workers = list(self._workers.values())
            self._changed.notify_all()
        for worker in workers:
            worker.end()
        for thread in self._threads:
            thread.join()
        with self._changed:
            self._put(self._schedule.give_up(self._clock(), everything=True))
        self._news.put(None)
        self._teller.join()

    def _work(self, number: int) -> None:
        break_s = 1.0
        while True:
            worker: Worker | None = None
            try:
                # Outside the lock: a process takes long to start, and calls must not wait for it.
                worker = Worker(self._make, self._settings.nice)
                with self._changed:
                    self._workers[number] = worker  # `stop` ends those that stand here
                    stopped = self._stopped
                if not stopped:
                    worker.load(self._settings.load_within_s)
                    with self._changed:
                        self._loaded.add(number)
                        self._failure = ""
                        self._changed.notify_all()
                    break_s = 1.0
                    self._serve(number, worker)
                self._gone(number, worker, "the pool was stopped")
            except TranscriptError as error:
                self._gone(number, worker, str(error))
            except TimeoutError:
                self._gone(number, worker, "the recogniser took too long; its process was ended")
            except EOFError:
                self._gone(number, worker, "the recogniser's process ended by itself")
            except OSError as error:  # no memory, no files left: there may be again
                self._gone(number, worker, f"the recogniser's process cannot be started: {error}")
            with self._changed:
                if self._changed.wait_for(lambda: self._stopped, break_s):
                    return
            break_s = min(2 * break_s, _LONGEST_BREAK_S)

    def _serve(self, number: int, worker: Worker) -> None:
        while True:
            with self._changed:
                while (
                    task := None if self._stopped else self._schedule.take(number, self._clock())
                ) is None:
                    if self._stopped:
                        return
                    self._put([])
                    self._changed.wait(_LOOK_EVERY_S)
            recognised, failure = worker.do(task, self._settings.answer_within_s)
            if failure:
                self._log.warning("a recogniser failed: %s", failure)
            with self._changed:
                self._put(self._schedule.answered(task, recognised, failed=bool(failure)))
                self._changed.notify_all()  # others may take the channel's next utterance

    def _gone(self, number: int, worker: Worker | None, why: str) -> None:
        if worker is not None:
            worker.end()
        with self._changed:
            self._loaded.discard(number)
            self._put(self._schedule.lost(number))
            if not self._stopped:
                self._failure = why
                self._log.error("words are not recognised for a while: %s", why)
            self._changed.notify_all()

    def _put(self, told: Sequence[Told]) -> None:
        """Have the teller tell these, then the calls that are over; the lock is held."""
        for each in told:
            self._news.put(each)
        for call_id in self._schedule.closed():
            self._news.put(call_id)

    def _tell(self) -> None:
        looked = self._clock()
        while True:
            if self._clock() - looked >= _LOOK_EVERY_S:
                with self._changed:
                    self._put(self._schedule.give_up(self._clock()))
                looked = self._clock()
            try:
                news = self._news.get(timeout=_LOOK_EVERY_S)
            except Empty:
                continue
            if news is None:
                return
            try:
                if isinstance(news, str):
                    if self._on_closed is not None:
                        self._on_closed(news)
                else:
                    (call_id, channel), event = news
                    self._on_event(call_id, channel, event)
            except Exception:  # a listener's trouble must not end the words of all calls
                self._log.exception("a listener to recognised words failed")
