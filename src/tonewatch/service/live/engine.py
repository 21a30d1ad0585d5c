"""Hears all live calls in a thread of its own, away from the event loop.

Calls whose audio waits stand in a queue, each once: what came meanwhile is heard together, and a
call that has much has one turn after the other, between those of the rest. Nobody hears a call in
two threads at once. It knows no socket and no store.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from tonewatch.call.events import CallEvent, EndReason, Heard
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.service.live.line import Line
from tonewatch.service.metrics import Metrics

Clock = Callable[[], float]


class Engine:
    """Threads that hear.

    Args:
        publish: takes the events of all calls; it must not wait.
        on_over: told of each line that is over, in the engine's thread.
        metrics: what was dropped, how long inference took.
        threads: how many.
        clock: the monotonic time.

    Attributes:
        hearing: whether the model may hear; what comes while not is dropped.
        clock: as given.
    """

    def __init__(
        self,
        publish: Callable[[list[CallEvent]], None],
        on_over: Callable[[Line], None],
        metrics: Metrics,
        *,
        threads: int = 1,
        clock: Clock = time.monotonic,
    ) -> None:
        self.hearing = True
        self._publish = publish
        self._on_over = on_over
        self._metrics = metrics
        self.clock = clock
        self._ready: deque[Line] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._log = structlog.get_logger("tonewatch.live")
        self._threads = [
            threading.Thread(target=self._run, name=f"hear-{k}", daemon=True)
            for k in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Hear what waits, then end the threads."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def __len__(self) -> int:
        """Calls that wait for their turn."""
        return len(self._ready)

    def begin(self, line: Line) -> None:
        """Begin a call."""
        self._publish(line.begin())

    def wake(self, line: Line) -> None:
        """Let a call be heard, as audio or its end came."""
        with self._changed:
            if not line.queued:
                line.queued = True
                self._ready.append(line)
                self._changed.notify()

    def end(self, line: Line, reason: EndReason) -> None:
        """Let a call end once all that came is heard."""
        line.end(reason)
        self.wake(line)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._stopped)
                if not self._ready:
                    return
                line = self._ready.popleft()
            more = self._serve(line)
            with self._changed:
                # Only now: a line that was woken meanwhile has not been queued a second time.
                line.queued = more or line.has_news
                if line.queued:
                    self._ready.append(line)

    def _serve(self, line: Line) -> bool:
        was_over, began = line.over, self.clock()
        try:
            events, more = line.hear(began, hearing=self.hearing)
        except Exception as error:  # one call's trouble must not end the others
            self._log.error("call_broke", call_id=line.call_id, exc_info=error)
            line.failure = "the service broke; its log tells why"
            line.broke = True
            events, more = self._fail(line), False
        n_windows = sum(
            isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech)
            for event in events
        )
        if n_windows:
            self._metrics.inference.observe((self.clock() - began) / n_windows)
        for where, lost_s in line.take_lost().items():
            self._metrics.dropped.labels(where).inc(lost_s)
        self._publish(events)
        if line.over and not was_over:
            self._on_over(line)
        return more

    def _fail(self, line: Line) -> list[CallEvent]:
        try:
            return line.fail()
        except Exception as error:  # what broke the call may break its last words, too
            self._log.error("call_broke", call_id=line.call_id, exc_info=error)
            return line.fail()  # which has no words left
