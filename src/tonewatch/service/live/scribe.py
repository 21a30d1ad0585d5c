"""Brings the speech of this process's live calls to recognisers, and the words back to the calls.

Audio goes in as the engine decodes it, speech spans as the analysers tell them, and the calls whose
urgency is highest go first. The call-taker's channel is never opened. Words that come after their
call's end are kept, and told to nobody. It knows no socket and no recogniser.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import structlog

from tonewatch.call.events import Assessed, CallEnded, CallEvent, Heard
from tonewatch.call.roles import Role, scored
from tonewatch.call.sinks import Subscription
from tonewatch.core.errors import TonewatchError
from tonewatch.core.events import (
    EmotionEstimated,
    Event,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    SpeechEnded,
    SpeechStarted,
    WordsRecognised,
)
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.service.live.line import Block

_LOAD_S = 120.0
_LAST_WORDS_S = 5.0
_LOOK_S = 0.5

Tell = Callable[[str, Sequence[CallEvent]], bool]


class Recognisers(Protocol):
    """What a scribe needs of `transcript.pool.Pool`."""

    def ready(self, timeout_s: float) -> bool: ...
    def open(self, call_id: str, channel: int) -> None: ...
    def push(self, call_id: str, channel: int, samples: Samples) -> None: ...
    def speech(self, call_id: str, channel: int, start_s: float, end_s: float | None) -> None: ...
    def judged(self, call_id: str, channel: int, until_s: float) -> None: ...
    def set_priority(self, call_id: str, value: float) -> None: ...
    def close(self, call_id: str) -> None: ...
    def stop(self) -> None: ...


MakePool = Callable[[Callable[[str, int, Event], None], Callable[[str], None]], Recognisers]


class Scribe:
    """A thread that follows the calls' events, and a pool of recognisers.

    Args:
        events: those of this process's calls.
        make_pool: makes the pool, of what takes its events and is told of calls that are done.
        tell: lets events of a call be told.
        late: takes words of calls that are over.
        broken: told why no recogniser can be had.
    """

    def __init__(
        self,
        events: Subscription,
        make_pool: MakePool,
        *,
        tell: Tell,
        late: Callable[[Heard], None],
        broken: Callable[[str], None],
    ) -> None:
        self._events = events
        self._tell = tell
        self._late = late
        self._broken = broken
        self._channels: dict[str, Sequence[Role]] = {}
        self._log = structlog.get_logger("tonewatch.live")
        self._pool = make_pool(self._recognised, self._closed)
        self._threads = [
            threading.Thread(target=work, name=f"scribe-{name}", daemon=True)
            for name, work in (("follow", self._follow), ("load", self._load))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait a moment for the last words, then end the pool; the calls must be over."""
        self._events.close()
        self._threads[0].join()
        until = time.monotonic() + _LAST_WORDS_S
        while self._channels and time.monotonic() < until:
            time.sleep(0.05)
        self._pool.stop()

    def listeners(
        self, call_id: str, channels: Sequence[Role]
    ) -> Sequence[Callable[[Block | int], None]]:
        """What takes a call's audio: blocks of shape [n, channels], or numbers of lost samples."""
        heard = [channel for channel, role in enumerate(channels) if scored(role)]
        if not heard:
            return ()
        self._channels[call_id] = channels
        for channel in heard:
            self._pool.open(call_id, channel)

        def take(block: Block | int) -> None:
            with self._harmless(call_id):
                for channel in heard:
                    for samples in _samples(block, channel):
                        self._pool.push(call_id, channel, samples)

        return (take,)

    def has_late_words(self, call_id: str) -> bool:
        """Whether words of this call may still come."""
        return call_id in self._channels

    @contextmanager
    def _harmless(self, call_id: str) -> Iterator[None]:
        """Whatever is wrong with the words of a call, its emotion is heard on."""
        try:
            yield
        except Exception as error:
            self._log.error("words_broke", call_id=call_id, exc_info=error)

    def _load(self) -> None:
        try:
            if not self._pool.ready(_LOAD_S):
                self._log.warning("recogniser_slow", after_s=_LOAD_S)
        except TonewatchError as error:
            self._log.error("recogniser_broken", kind=error.kind, error=str(error))
            self._broken(str(error))

    def _follow(self) -> None:
        while True:
            event = self._events.get(_LOOK_S)
            if event is None:
                if self._events.closed:
                    return
                continue
            if event.call_id in self._channels:
                with self._harmless(event.call_id):
                    self._take(event)

    def _take(self, event: CallEvent) -> None:
        call_id = event.call_id
        if isinstance(event, CallEnded):
            self._pool.close(call_id)
        elif isinstance(event, Assessed):
            self._pool.set_priority(call_id, event.urgency.get("value", 0.0))
        elif isinstance(event, Heard) and isinstance(event.event, SpeechStarted):
            self._pool.speech(call_id, event.channel, event.event.start_s, None)
        elif isinstance(event, Heard) and isinstance(event.event, SpeechEnded):
            span = event.event
            self._pool.speech(call_id, event.channel, span.start_s, span.end_s)
        elif isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech):
            self._pool.judged(call_id, event.channel, event.event.end_s)

    def _recognised(self, call_id: str, channel: int, event: Event) -> None:
        channels = self._channels.get(call_id)
        if channels is None:
            return
        heard = Heard(call_id, channel, channels[channel], event)
        stays = isinstance(event, NotTranscribed | PhraseSpotted) or (
            isinstance(event, WordsRecognised) and event.final
        )
        if not self._tell(call_id, [heard]) and stays:
            self._late(heard)

    def _closed(self, call_id: str) -> None:
        self._channels.pop(call_id, None)


def _samples(block: Block | int, channel: int) -> Iterator[Samples]:
    """A channel's samples, or zeros for lost ones, a second at a time: a gap may be long."""
    if isinstance(block, int):
        silence = np.zeros(RATE_HZ, np.float32)
        yield from (silence[: block - start] for start in range(0, block, RATE_HZ))
    else:
        yield np.ascontiguousarray(block[:, channel])
