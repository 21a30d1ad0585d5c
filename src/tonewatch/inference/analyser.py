"""The analyser: samples in, events out; pure, for one stream.

Samples are collected into steps whose length depends on window and hop alone, so the network sees
the same blocks, and the events are the same to the last bit, whatever the chunks of the stream and
whether it is a file or a call. It keeps the samples of one step and what the network needs of one
window, however long the stream. It knows no file, clock or thread.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tonewatch.audio.vad import VoiceActivity
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech
from tonewatch.core.signal import RATE_HZ, Samples, Waiting, checked
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.smoothing import Smoother
from tonewatch.inference.windows import WindowGrid

_HEARD_OF_GAP_S = 10.0  # by then speech and windows are over; more is the same again


class Analyser:
    """Hears one stream of 16 kHz mono samples.

    A window with enough speech gives `EmotionEstimated`, one with less `NoSpeech`. Each voice
    event comes before the windows that end after it.

    Args:
        bundle: the name of an installed bundle, the path of a folder or zip, or a predictor, which
            any number of analysers may share.
        window_s: length of a window, rounded to 40 ms; the bundle's (3 s) by default.
        hop_s: step between windows, rounded likewise; the bundle's (1 s) by default.
        smoothing_s: time constant of the smoothing over windows; 0 (none) keeps each window's
            probabilities calibrated.

    Raises:
        BundleError: the bundle is missing or does not fit.
        SettingsError: a length is too short, the hop longer than the window, or the window longer
            than the network can hear.
    """

    def __init__(
        self,
        bundle: str | Path | Predictor = "voice",
        *,
        window_s: float | None = None,
        hop_s: float | None = None,
        smoothing_s: float = 0.0,
    ) -> None:
        self.predictor = bundle if isinstance(bundle, Predictor) else Predictor.load(bundle)
        info = self.predictor.bundle.info
        self._info = info
        self._samples_each = self.predictor.samples_each
        self.grid = WindowGrid.from_seconds(
            info.window_s if window_s is None else window_s,
            info.hop_s if hop_s is None else hop_s,
            RATE_HZ / self._samples_each,
        )
        self._needed_s = info.speech.needed_s(self.grid.end_s(self.grid.window))
        self._smoother = Smoother(smoothing_s)
        self._voice = VoiceActivity(
            info.speech, self.grid.rate_hz, remember_s=2 * self.grid.end_s(self.grid.window)
        )
        self._listener = self.predictor.listen(self.grid.window)
        self._end = 0
        self._waiting = Waiting(self._next_samples())  # the first step is the longest
        # Never less than a window and a hop: from there on each step is a hop.
        self._heard_of_gap = max(
            round(_HEARD_OF_GAP_S * RATE_HZ), 2 * self.grid.window * self._samples_each
        )
        self._gap = 0
        self._judged_from = 0  # no window that begins before this sample is judged any more
        self._finished = False

    @property
    def wanted(self) -> int:
        """How many samples more it takes until there may be news; fewer only wait."""
        return self._next_samples() - self._waiting.samples.size

    def push(self, samples: Samples) -> list[Event]:
        """Take further samples, shape [n], n >= 0, float in [-1, 1]; return what they completed.

        Raises:
            BadSamplesError: not one-dimensional floats, or NaN, infinite or beyond 2**32; the
                stream stays as it was.
        """
        self._check_open()
        samples = checked(samples)
        return [*self._land(), *self._hear(samples)] if samples.size else []

    def skip(self, n_samples: int, *, judge: bool = True) -> list[Event]:
        """Take note that `n_samples` were lost: they count as silence.

        The first 10 s of a gap (at least two windows) are heard as silence. What is longer is
        jumped over, with the windows that would end there, at no cost: it changes the times of
        what follows and nothing else. How a gap is cut into calls makes no difference.

        Args:
            n_samples: how many.
            judge: whether windows that reach into them, or are under way, may be judged; if not,
                none of those is told.
        """
        self._check_open()
        if not judge:
            unheard = max(0, self._gap - self._heard_of_gap)
            heard = self._end * self._samples_each + self._waiting.samples.size
            self._judged_from = heard + unheard + n_samples
        n_heard = max(0, min(n_samples, self._heard_of_gap - self._gap))
        self._gap += n_samples
        silence = np.zeros(RATE_HZ, np.float32)
        events: list[Event] = []
        for start in range(0, n_heard, RATE_HZ):
            events += self._hear(silence[: n_heard - start])
        return events

    def finish(self) -> list[Event]:
        """End the stream; return the last events.

        When half a hop or more is left after the last window, or the stream was shorter than a
        window, one more window ends with the stream. Up to 40 ms at the end are not heard.
        """
        if self._finished:
            return []
        events = self._land()
        self._finished = True
        rest = self._waiting.samples
        covered = self.grid.covered(self._end)
        n_new = rest.size // self._samples_each
        if n_new and self._end + n_new >= 2:
            events += self._step(rest[: n_new * self._samples_each])
        events += self._voice.finish()
        if not self._may_judge():
            return events
        if self._end == 0:
            if rest.size:
                events.append(NoSpeech(0.0, rest.size / RATE_HZ))
        elif covered == 0 or 2 * (self._end - covered) >= self.grid.hop:
            events.append(self._judge())
        return events

    def _check_open(self) -> None:
        if self._finished:
            raise SettingsError(
                "expected no samples after finish(), came some; make a new Analyser"
            )

    def _land(self) -> list[Event]:
        """End the gap, if there was one: jump over whole hops of what was not heard of it."""
        n_left = max(0, self._gap - self._heard_of_gap)
        self._gap = 0
        if not n_left:
            return []
        n_hops, n_rest = divmod(n_left, self.grid.hop * self._samples_each)
        self._end += n_hops * self.grid.hop
        events = self._voice.skip(n_hops * self.grid.hop)
        return [*events, *self._hear(np.zeros(n_rest, np.float32))]

    def _hear(self, samples: Samples) -> list[Event]:
        events: list[Event] = []
        while samples.size:
            ready, samples = self._waiting.fill(samples, self._next_samples())
            if ready is not None:
                events += self._step(ready)
                if self.grid.is_window_end(self._end) and self._may_judge():
                    events.append(self._judge())
        return events

    def _next_samples(self) -> int:
        return self.grid.step_after(self._end) * self._samples_each

    def _step(self, samples: Samples) -> Sequence[Event]:
        speech = self._listener.push(samples)
        self._end += samples.size // self._samples_each
        return self._voice.push(speech)

    def _may_judge(self) -> bool:
        return max(0, self._end - self.grid.window) * self._samples_each >= self._judged_from

    def _judge(self) -> EmotionEstimated | NoSpeech:
        """The window that ends with the last step."""
        start_s, end_s = self.grid.start_s(self._end), self.grid.end_s(self._end)
        speech_s = self._voice.speech_s(start_s, end_s)
        if speech_s < min(self._needed_s, (end_s - start_s) / 2):
            return NoSpeech(start_s, end_s)
        calibration = self._info.calibration
        heard = calibration.log_probabilities(self._listener.logits())
        logs = self._smoother.push(heard, end_s)
        probabilities = np.exp(logs)
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return EmotionEstimated(
            start_s=start_s,
            end_s=end_s,
            label=self._info.labels[best],
            confidence=confidence,
            certain=calibration.is_certain(confidence),
            probabilities=dict(zip(self._info.labels, probabilities.tolist(), strict=True)),
            speech_s=speech_s,
        )
