"""A call, from its first sample to its last: samples of each channel in, events out; pure.

Each scored channel has an analyser of its own, so that a call gives the events of `Analyser` over
the same samples, whatever the chunks, and besides tells where the same sound comes again. The
call-taker's samples are counted and never heard. It knows no socket, thread, clock (one is handed
in) or database, and its memory does not grow.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np

from tonewatch.audio.repeats import Repeat, Repeats
from tonewatch.call.events import (
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    EndReason,
    Heard,
)
from tonewatch.call.roles import Role, scored
from tonewatch.core.errors import CallError
from tonewatch.core.events import EmotionEstimated, Event, SoundRepeated
from tonewatch.core.signal import RATE_HZ, Samples, checked
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.smoothing import Summary

_CLIPPED_FROM = 0.98  # the top of u-law is 32124 / 32768 = 0.9803, of A-law 0.9844
_CLIPPED_SAMPLES = RATE_HZ // 100
"""In one second. The sample call has at most 4 with its peak at full scale, and up to 806 when it
is 6 dB too loud, 3041 at 12 dB."""

_MESSAGES = {
    "mixed_mono": "Caller and call-taker are on one channel: what is heard may be either of them.",
    "nothing_scored": "No channel is a caller's, and a call-taker is never judged: no emotion.",
    "clipped": "The sound is clipped, its level is too high: emotion may be judged wrongly.",
    "dropped": "Some audio was lost on its way: silence was heard in its place.",
    "mixed_down": "The stream has more channels than were said: their mix was heard as one.",
}


class Call:
    """One call.

    Args:
        call_id: its name, unique.
        channels: who is on each channel.
        predictor: the model, which all calls may share.
        metadata: what the sender told of the call.
        clock: tells the time at the start and at the end.
        window_s: as for `Analyser`.
        hop_s: as for `Analyser`.

    Attributes:
        heard_s: length of the longest channel so far, with what was dropped.
        dropped_s: seconds lost so far, summed over channels.

    Raises:
        CallError: no name or no channel.
        SettingsError: a length is too short, or the hop longer than the window.
    """

    def __init__(
        self,
        call_id: str,
        channels: Sequence[Role],
        predictor: Predictor,
        *,
        metadata: Mapping[str, str] = MappingProxyType({}),
        clock: Callable[[], datetime],
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> None:
        if not call_id or not channels:
            raise CallError(
                f"expected a call with a name and at least one channel, came {call_id!r} with "
                f"{len(channels)}; say who is on each channel"
            )
        self.call_id = call_id
        self.metadata = dict(metadata)
        self._clock = clock
        self._info = predictor.bundle.info
        self._sha256 = predictor.bundle.sha256
        self._channels = [
            _Channel(Role(role), Analyser(predictor, window_s=window_s, hop_s=hop_s))
            if scored(role)
            else _Channel(Role(role), None)
            for role in channels
        ]
        self._summary = Summary(self._info.labels, self._info.calibration)
        self._warned: set[str] = set()
        self._started = self._ended = False

    @property
    def channels(self) -> tuple[Role, ...]:
        return tuple(channel.role for channel in self._channels)

    @property
    def heard_s(self) -> float:
        return max(channel.n_samples for channel in self._channels) / RATE_HZ

    @property
    def wanted(self) -> int | None:
        """How many samples more it takes until there may be news; None where nobody is scored."""
        return min(
            (n for channel in self._channels if (n := channel.wanted) is not None), default=None
        )

    @property
    def dropped_s(self) -> float:
        return sum(channel.n_dropped for channel in self._channels) / RATE_HZ

    def start(self) -> list[CallEvent]:
        """Begin; return the start, and warnings about the channels.

        Raises:
            CallError: it has begun already.
        """
        if self._started:
            raise CallError(
                f"call {self.call_id}: expected one start, came another; make a new Call"
            )
        self._started = True
        events: list[CallEvent] = [
            CallStarted(
                call_id=self.call_id,
                started_at=self._clock(),
                channels=self.channels,
                metadata=self.metadata,
                bundle=self._info.name,
                bundle_sha256=self._sha256,
                threshold=self._info.calibration.certain_threshold,
            )
        ]
        if Role.MIXED in self.channels:
            events += self._warn("mixed_mono")
        if not any(scored(role) for role in self.channels):
            events += self._warn("nothing_scored")
        return events

    def push(self, channel: int, samples: Samples) -> list[CallEvent]:
        """Take further samples of a channel, 16 kHz, shape [n], n >= 0, float in [-1, 1].

        Raises:
            BadSamplesError: not one-dimensional floats, or NaN, infinite or beyond 2**32; the call
                stays as it was.
            CallError: the call has not begun, is over, or has no such channel.
        """
        heard = self._open_channel(channel)
        # Before anything is counted; on the call-taker's channel no analyser would.
        return self._tell(channel, heard.push(checked(samples)))

    def drop(self, channel: int, n_samples: int, *, judge: bool = True) -> list[CallEvent]:
        """Tell that `n_samples`, at 16 kHz, were lost before they came; time goes on by silence.

        Of a gap, as much is heard as `Analyser.skip` says: a long one costs no more than a short.
        Unless `judge`, no window that reaches into it is told.

        Raises:
            CallError: as `push`, or a negative number.
        """
        lost = self._open_channel(channel)
        if n_samples < 0:
            raise CallError(
                f"call {self.call_id}: expected a number of lost samples, came {n_samples}"
            )
        if n_samples == 0:
            return []
        dropped = AudioDropped(self.call_id, channel, lost.n_samples / RATE_HZ, n_samples / RATE_HZ)
        lost.n_dropped += n_samples
        told = self._tell(channel, lost.pass_over(n_samples, judge))
        return [dropped, *self._warn("dropped"), *told]

    def mixed_down(self) -> list[CallEvent]:
        """Tell that what is pushed is the mix of more channels than were said."""
        return self._warn("mixed_down")

    def finish(
        self, reason: EndReason | str = EndReason.FINISHED, *, judge: bool = True
    ) -> list[CallEvent]:
        """End the call; return the last events. A second time there are none.

        Unless `judge`, no last window is told.

        Raises:
            CallError: the call has not begun, or the reason is unknown.
        """
        if not self._started:
            raise CallError(f"call {self.call_id}: expected start() before finish()")
        if reason not in list(EndReason):
            raise CallError(
                f"call {self.call_id}: expected a reason of {', '.join(EndReason)}, came {reason!r}"
            )
        if self._ended:
            return []
        self._ended = True
        events: list[CallEvent] = []
        for number, channel in enumerate(self._channels):
            events += self._tell(number, channel.finish(judge))
        ended = CallEnded(
            call_id=self.call_id,
            ended_at=self._clock(),
            reason=EndReason(reason),
            duration_s=self.heard_s,
            dropped_s=self.dropped_s,
            emotion=self._summary.emotion(),
        )
        return [*events, ended]

    def _open_channel(self, number: int) -> "_Channel":
        if not self._started or self._ended:
            state = "has ended" if self._ended else "has not begun"
            raise CallError(f"call {self.call_id}: expected audio of a live call, this one {state}")
        if not 0 <= number < len(self._channels):
            raise CallError(
                f"call {self.call_id}: expected a channel of 0 to {len(self._channels) - 1}, came "
                f"{number}; say at the start how many there are"
            )
        return self._channels[number]

    def _tell(self, number: int, told: Iterable["Event | _Clipped"]) -> list[CallEvent]:
        events: list[CallEvent] = []
        for event in told:
            if isinstance(event, _Clipped):
                events += self._warn("clipped")
                continue
            if isinstance(event, EmotionEstimated):
                self._summary.add(event)
            events.append(Heard(self.call_id, number, self._channels[number].role, event))
        return events

    def _warn(self, code: str) -> list[CallEvent]:
        if code in self._warned:
            return []
        self._warned.add(code)
        return [CallWarned(self.call_id, code, _MESSAGES[code])]


class _Clipped:
    """A second of a channel was clipped."""


class _Channel:
    """Counts a channel's samples and, if it is scored, has them heard."""

    def __init__(self, role: Role, analyser: Analyser | None) -> None:
        self.role = role
        self.n_samples = 0
        self.n_dropped = 0
        self._analyser = analyser
        self._repeats = Repeats()
        self._found: list[Repeat] = []  # in the second under way
        self._n_clipped = 0

    @property
    def wanted(self) -> int | None:
        return None if self._analyser is None else self._analyser.wanted

    def push(self, samples: Samples) -> Iterator[Event | _Clipped]:
        if self._analyser is None:
            self.n_samples += samples.size
            return
        # Cut at whole seconds: what they hold is told at the same place, whatever the chunks.
        cuts = range(-self.n_samples % RATE_HZ, samples.size, RATE_HZ)
        for piece in np.split(samples, cuts):
            yield from self._analyser.push(piece)
            self._found += self._repeats.push(piece)
            self._n_clipped += int(np.count_nonzero(np.abs(piece) >= _CLIPPED_FROM))
            self.n_samples += piece.size
            if self.n_samples % RATE_HZ == 0 and piece.size:
                yield from self._repeated()
                if self._n_clipped >= _CLIPPED_SAMPLES:
                    yield _Clipped()
                self._n_clipped = 0

    def pass_over(self, n_samples: int, judge: bool) -> Iterator[Event | _Clipped]:
        """Count what was lost; it cannot be clipped, but the second under way may have been."""
        if self._analyser is not None:
            yield from self._repeated()
            self._repeats.skip(n_samples)
            n_of_second = -self.n_samples % RATE_HZ
            yield from self._analyser.skip(min(n_samples, n_of_second), judge=judge)
            if n_samples >= n_of_second:
                if self._n_clipped >= _CLIPPED_SAMPLES:
                    yield _Clipped()
                self._n_clipped = 0
                yield from self._analyser.skip(n_samples - n_of_second, judge=judge)
        self.n_samples += n_samples

    def _repeated(self) -> Iterator[SoundRepeated]:
        """What came again since the last time."""
        found, self._found = self._found, []
        for each in found:
            yield SoundRepeated(each.start_s, each.end_s, each.earlier_s, each.agreement)

    def finish(self, judge: bool) -> Iterator[Event]:
        if self._analyser is not None:
            yield from self._repeated()
            if not judge:
                yield from self._analyser.skip(0, judge=False)
            yield from self._analyser.finish()
