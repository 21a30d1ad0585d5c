"""Hears a recording from its first block to its last: the file end of the analyser.

Memory does not grow with the length, but for the windows themselves.
"""

from collections.abc import Callable
from pathlib import Path

from tonewatch.audio.decode import stream_16k
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech, SpeechEnded
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.smoothing import summarise
from tonewatch.inference.timeline import Timeline


def analyze(
    path: str | Path,
    *,
    bundle: str | Path | Predictor = "voice",
    channel: int | None = None,
    window_s: float | None = None,
    hop_s: float | None = None,
    smoothing_s: float = 0.0,
    on_block: Callable[[Samples], None] | None = None,
) -> Timeline:
    """Hear a recording of any known format, rate and channel count.

    Args:
        path: the recording.
        bundle: as for `Analyser`; load a `Predictor` once for many recordings.
        channel: one channel, counted from 0; None mixes all.
        window_s: as for `Analyser`.
        hop_s: as for `Analyser`.
        smoothing_s: as for `Analyser`.
        on_block: called with each block of 16 kHz samples, for a progress bar or a waveform.

    Raises:
        AudioError: the recording cannot be heard; the subclass and its `kind` say why.
        BundleError: the bundle is missing or does not fit.
        SettingsError: a length is too short, or the hop longer than the window.
    """
    analyser = Analyser(bundle, window_s=window_s, hop_s=hop_s, smoothing_s=smoothing_s)
    windows: list[EmotionEstimated] = []
    gaps: list[NoSpeech] = []
    speech: list[tuple[float, float]] = []
    n_samples = 0

    def keep(events: list[Event]) -> None:
        for event in events:
            if isinstance(event, EmotionEstimated):
                windows.append(event)
            elif isinstance(event, NoSpeech):
                gaps.append(event)
            elif isinstance(event, SpeechEnded):
                speech.append((event.start_s, event.end_s))

    for block in stream_16k(path, channel):
        n_samples += block.size
        keep(analyser.push(block))
        if on_block is not None:
            on_block(block)
    keep(analyser.finish())
    return Timeline(
        file=str(path),
        duration_s=n_samples / RATE_HZ,
        speech_s=round(sum(end - start for start, end in speech), 6),
        emotion=summarise(windows, analyser.predictor.bundle.info.calibration),
        windows=tuple(windows),
        gaps=tuple(gaps),
        speech=tuple(speech),
    )
