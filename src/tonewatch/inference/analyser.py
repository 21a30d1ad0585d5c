"""The analyser: samples in, events out; pure, for one stream.

Samples are collected into steps whose length depends on window and hop alone, so the network sees
the same blocks, and the events are the same to the last bit, whatever the chunks of the stream and
whether it is a file or a call. It keeps the samples of one step and the embeddings of one window,
however long the stream. It knows no file, clock or thread.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tonewatch.audio.features import FeatureStream
from tonewatch.audio.vad import VoiceActivity
from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.predictor import Array, Predictor
from tonewatch.inference.smoothing import Smoother
from tonewatch.inference.windows import WindowGrid

_LOUDEST = 2.0**32  # squares of more overflow float32


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
        SettingsError: a length is too short, or the hop longer than the window.
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
        self._samples_each = info.frames_per_embedding * info.features.hop_samples
        self.grid = WindowGrid.from_seconds(
            info.window_s if window_s is None else window_s,
            info.hop_s if hop_s is None else hop_s,
            RATE_HZ / self._samples_each,
        )
        self._needed_s = info.speech.needed_s(self.grid.end_s(self.grid.window))
        self._smoother = Smoother(smoothing_s, self.grid.end_s(self.grid.hop))
        self._voice = VoiceActivity(
            info.speech, self.grid.rate_hz, remember_s=2 * self.grid.end_s(self.grid.window)
        )
        self._features = FeatureStream(info.features)
        # A lead of zeros: a frame is then whole as soon as its hop is, at every 10 ms.
        lead = info.features.window_samples - info.features.hop_samples
        self._features.push(np.zeros(lead, np.float32))
        self._memory = self.predictor.begin()
        self._waiting: list[Samples] = []
        self._n_waiting = 0
        self._end = 0
        self._logits: Array | None = None
        self._finished = False

    def push(self, samples: Samples) -> list[Event]:
        """Take further samples, shape [n], n >= 0, float in [-1, 1]; return what they completed.

        Raises:
            BadSamplesError: not one-dimensional floats, or NaN, infinite or beyond 2**32; the
                stream stays as it was.
        """
        if self._finished:
            raise SettingsError(
                "expected no samples after finish(), came some; make a new Analyser"
            )
        samples = _checked(samples)
        self._waiting.append(samples)
        self._n_waiting += samples.size
        if self._n_waiting < self._next_samples():
            return []
        ready = np.concatenate(self._waiting)
        events: list[Event] = []
        while ready.size >= (size := self._next_samples()):
            events += self._step(ready[:size])
            if self.grid.is_window_end(self._end):
                events.append(self._judge())
            ready = ready[size:]
        self._waiting, self._n_waiting = [ready.copy()], ready.size
        return events

    def finish(self) -> list[Event]:
        """End the stream; return the last events.

        When half a hop or more is left after the last window, or the stream was shorter than a
        window, one more window ends with the stream. Up to 40 ms at the end are not heard.
        """
        if self._finished:
            return []
        self._finished = True
        rest = np.concatenate([*self._waiting, np.zeros(0, np.float32)])
        self._waiting = []
        covered = self.grid.covered(self._end)
        n_new = rest.size // self._samples_each
        events: list[Event] = []
        if n_new and self._end + n_new >= 2:
            events += self._step(rest[: n_new * self._samples_each])
        events += self._voice.finish()
        if covered == 0 and self._logits is None:
            if rest.size:
                events.append(NoSpeech(0.0, rest.size / RATE_HZ))
        elif covered == 0 or 2 * (self._end - covered) >= self.grid.hop:
            events.append(self._judge())
        return events

    def _next_samples(self) -> int:
        return self.grid.step_after(self._end) * self._samples_each

    def _step(self, samples: Samples) -> Sequence[Event]:
        frames = self._features.push(samples)
        step = self.predictor.step(frames[None], self._memory, self.grid.window)
        self._memory, self._logits = step.memory, step.logits[0]
        self._end += samples.size // self._samples_each
        return self._voice.push(step.speech[0].tolist())

    def _judge(self) -> EmotionEstimated | NoSpeech:
        """The window that ends with the last step."""
        assert self._logits is not None
        start_s, end_s = self.grid.start_s(self._end), self.grid.end_s(self._end)
        speech_s = self._voice.speech_s(start_s, end_s)
        if speech_s < min(self._needed_s, (end_s - start_s) / 2):
            return NoSpeech(start_s, end_s)
        calibration = self._info.calibration
        logs = self._smoother.push(calibration.log_probabilities(self._logits))
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


def _checked(samples: Samples) -> Samples:
    samples = np.asarray(samples)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise BadSamplesError(
            f"expected mono float samples of shape [n], came {samples.dtype} of shape "
            f"{list(samples.shape)}; mix the channels, divide 16-bit integers by 32768"
        )
    # NaN compares as false, so that one comparison finds all three.
    good = np.abs(samples) < _LOUDEST
    if not good.all():
        raise BadSamplesError(
            "expected finite samples in [-1, 1], came NaN, infinity or more than 2**32 at sample "
            f"{int(good.argmin())}; drop the block or mend its source"
        )
    # A copy: the caller may reuse its buffer before the step is complete.
    return np.array(samples, np.float32)
