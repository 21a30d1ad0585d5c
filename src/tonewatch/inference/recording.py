"""Hears a recording from its first block to its last: the file end of the analyser.

Memory does not grow with the length, but for the windows themselves.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tonewatch.audio.decode import stream_16k
from tonewatch.core.events import EmotionEstimated, Event, NoSpeech, SpeechEnded
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.explain import CONTEXT_S, Explanation, explain
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


def explain_recording(
    path: str | Path,
    start_s: float,
    predictor: Predictor,
    *,
    channel: int | None = None,
    label: str | None = None,
    on_block: Callable[[Samples], None] | None = None,
) -> Explanation:
    """Explain one window of a recording; only what is near it is kept in memory.

    Args:
        path: the recording.
        start_s: where the window begins, as in the timeline.
        predictor: what heard it.
        channel: as for `analyze`.
        label: which to explain; the likeliest if None.
        on_block: called with each block that is read.

    Raises:
        AudioError: the recording cannot be heard.
        SettingsError: no window begins there, or the bundle has no such label.
    """
    each = predictor.samples_each
    first = max(0, round((start_s - CONTEXT_S) * RATE_HZ)) // each * each
    last = round((start_s + predictor.bundle.info.window_s) * RATE_HZ) + each
    kept: list[Samples] = []
    at = 0
    for block in stream_16k(path, channel):
        if on_block is not None:
            on_block(block)
        if at + block.size > first:
            kept.append(block[max(0, first - at) :])
        at += block.size
        if at >= last:
            break
    samples = np.concatenate([*kept, np.zeros(0, np.float32)])
    return explain(samples, predictor, start_s, label=label, begins_s=first / RATE_HZ)
