"""Voice activity: from the probability of speech in each frame to segments of speech.

Two thresholds (hysteresis), a shortest burst that counts as speech, and a hangover that bridges
short pauses. Pure: it does not know where the probabilities come from, and the segments do not
depend on how the frames are cut into pushes.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tonewatch.core.errors import SettingsError
from tonewatch.core.events import SpeechEnded, SpeechStarted


@dataclass(frozen=True)
class VadSettings:
    """When probabilities become speech.

    The defaults are for the speech head of `stream_cnn`: on noises that it had not heard they give
    half the false alarms that 0.5, 0.35 and 0.12 s gave, for one or two more frames missed of a
    hundred (docs/reports/bench.md).

    Attributes:
        threshold_on: probability from which a frame may begin speech.
        threshold_off: probability below which a frame is a pause once speech has begun.
        min_speech_s: shortest burst that is told as speech.
        hangover_s: shortest pause that ends speech; the pause itself is not speech.
        min_in_window_s: speech that a window needs for an emotion to be heard in it.
        min_in_window_share: the same as a share of the window; the larger of the two holds.
    """

    threshold_on: float = 0.8
    threshold_off: float = 0.5
    min_speech_s: float = 0.24
    hangover_s: float = 0.24
    min_in_window_s: float = 0.3
    min_in_window_share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.threshold_off <= self.threshold_on < 1:
            raise SettingsError(
                "expected 0 < threshold_off <= threshold_on < 1, came "
                f"{self.threshold_off}, {self.threshold_on}; lower the first or raise the second"
            )
        if min(self.min_speech_s, self.hangover_s, self.min_in_window_s) < 0:
            raise SettingsError(f"expected lengths of 0 s or more, came {self}; correct them")
        if not 0 <= self.min_in_window_share <= 1:
            raise SettingsError(
                f"expected min_in_window_share in [0, 1], came {self.min_in_window_share}"
            )

    def needed_s(self, window_s: float) -> float:
        """Speech that a window of `window_s` needs; never more than half of a short one."""
        needed = max(self.min_in_window_s, self.min_in_window_share * window_s)
        return min(needed, window_s / 2)


class VoiceActivity:
    """The voice activity of one stream.

    Args:
        settings: when probabilities become speech.
        rate_hz: probabilities a second.
        remember_s: how far back `speech_s` may ask.
    """

    def __init__(self, settings: VadSettings, rate_hz: float, remember_s: float) -> None:
        self.settings = settings
        self._rate_hz = rate_hz
        self._min_frames = max(1, round(settings.min_speech_s * rate_hz))
        self._hangover = max(1, round(settings.hangover_s * rate_hz))
        self._remember = round(remember_s * rate_hz)
        self._now = 0
        # [_start, _stop) is the burst under way; _started once it was long enough to be told.
        self._start = self._stop = -1
        self._started = False
        self._segments: deque[tuple[int, int]] = deque()

    def push(self, probabilities: Iterable[float]) -> list[SpeechStarted | SpeechEnded]:
        """Take the probability of speech of each further frame; return what became clear.

        A plain loop: at 25 frames a second its real-time factor is under 1e-5.
        """
        events: list[SpeechStarted | SpeechEnded] = []
        on, off = self.settings.threshold_on, self.settings.threshold_off
        for p in probabilities:
            now = self._now
            self._now = now + 1
            if self._start < 0:
                if p < on:
                    continue
                self._start = now
            if p >= off:
                self._stop = now + 1
                if not self._started and self._stop - self._start >= self._min_frames:
                    self._started = True
                    events.append(SpeechStarted(self._start / self._rate_hz))
            elif not self._started or self._now - self._stop >= self._hangover:
                events += self._end()
        return events

    def skip(self, n_frames: int) -> list[SpeechStarted | SpeechEnded]:
        """Pass over frames without speech, at no cost; speech under way ends before them."""
        events = self._end()
        self._now += n_frames
        return events

    def finish(self) -> list[SpeechStarted | SpeechEnded]:
        """End the stream; speech under way ends with its last frame of speech."""
        return self._end()

    def speech_s(self, start_s: float, end_s: float) -> float:
        """Seconds of known speech between two times, as far as it is remembered."""
        spans = list(self._segments)
        if self._started:
            spans.append((self._start, self._stop))
        start, end = round(start_s * self._rate_hz), round(end_s * self._rate_hz)
        frames = sum(max(0, min(stop, end) - max(begin, start)) for begin, stop in spans)
        return frames / self._rate_hz

    def _end(self) -> list[SpeechStarted | SpeechEnded]:
        events: list[SpeechStarted | SpeechEnded] = []
        if self._started:
            self._segments.append((self._start, self._stop))
            events.append(SpeechEnded(self._start / self._rate_hz, self._stop / self._rate_hz))
        while self._segments and self._segments[0][1] < self._now - self._remember:
            self._segments.popleft()
        self._start = self._stop = -1
        self._started = False
        return events
