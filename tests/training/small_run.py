"""Settings that train on `voices` in seconds, and what they train on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table
from tonewatch.training.augment import AugmentSettings
from tonewatch.training.batches import BatchSettings
from tonewatch.training.dataset import DatasetSettings
from tonewatch.training.loop import TrainSettings
from tonewatch.training.material import Material, RunSettings, gather
from tonewatch.training.networks.stream_cnn import StreamCnnSettings

SETTINGS = RunSettings(
    name="voices",
    folds="speaker:2",
    licence="CC0-1.0",
    jobs=1,
    train=TrainSettings(
        epochs=3,
        steps=12,
        learning_rate=1e-2,
        mixup=0.0,
        speech_weight=1.0,
        average=0.7,
        batch=BatchSettings(size=12, shortest_frames=80, longest_frames=112),
        network=StreamCnnSettings(
            widths=(4, 4, 8, 8), pitch_widths=(4, 4, 4), embedding=16, hidden=8
        ),
    ),
    dataset=DatasetSettings(augment=replace(AugmentSettings(), copies=2)),
)
"""Two folds of a network of a few thousand weights."""


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of `material`."""
    return tmp_path_factory.mktemp("frames")


def gathered(voices: Path, frames: Path, settings: RunSettings = SETTINGS) -> Material:
    table = read_corpus("mine:folders", voices)
    return gather(table, Table(()), Table(()), settings, frames)


@pytest.fixture(scope="session")
def material(voices: Path, frames: Path) -> Material:
    return gathered(voices, frames)
