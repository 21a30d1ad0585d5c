"""A bundle that learnt nothing, and a small corpus for it to be scored on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from audio.recordings import speech_like, write
from tiny_bundle import FEATURES
from tonewatch.audio.vad import VadSettings
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.training.export import export
from tonewatch.training.networks.stream_cnn import StreamCnn, StreamCnnSettings

SMALL = StreamCnnSettings(widths=(8, 8, 8, 8), pitch_widths=(4, 4, 4), embedding=16, hidden=8)

# An untrained speech head says about 0.5 everywhere.
ALL_SPEECH = VadSettings(threshold_on=0.02, threshold_off=0.01)
NO_SPEECH = VadSettings(threshold_on=0.99, threshold_off=0.98)

LETTERS = {"neutral": "N", "happy": "F", "angry": "W", "sad": "T", "bored": "L"}


def untrained_bundle(
    folder: Path,
    *,
    speech: VadSettings = ALL_SPEECH,
    certain_threshold: float = 0.2,
    training: Mapping[str, Any] | None = None,
) -> Bundle:
    torch.manual_seed(3)
    labels = SCHEMES["ravdess8"].labels
    return export(
        StreamCnn(len(labels), SMALL),
        folder,
        name="untrained",
        version="0.1",
        scheme="ravdess8",
        trained_labels=labels,
        features=FEATURES,
        calibration=Calibration(temperature=0.05, certain_threshold=certain_threshold),
        speech=speech,
        training=training,
    )


def emodb_like(
    folder: Path, emotions: Sequence[str] = ("neutral", "happy", "angry"), duration_s: float = 4.2
) -> Path:
    """Recordings of two speakers, 03 a man and 08 a woman, named as EMO-DB names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for speaker in ("03", "08"):
        for number, emotion in enumerate(emotions):
            samples = speech_like(duration_s, 16_000, seed=10 * int(speaker) + number)
            write(folder / f"{speaker}a0{number + 1}{LETTERS[emotion]}a.wav", samples, 16_000)
    return folder
