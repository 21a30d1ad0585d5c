from dataclasses import replace
from pathlib import Path

import pytest

from tonewatch.core.errors import CorpusError, TrainingError
from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table
from tonewatch.training.material import gather
from training.small_run import SETTINGS


def test_one_label_alone_teaches_nothing(voices: Path, tmp_path: Path) -> None:
    table = read_corpus("mine:folders", voices)
    angry = Table(tuple(u for u in table.utterances if u.emotion == "angry"))
    with pytest.raises(TrainingError, match="two labels or more"):
        gather(angry, Table(()), Table(()), SETTINGS, tmp_path)


def test_what_cannot_be_divided_is_refused_before_the_frames(voices: Path, tmp_path: Path) -> None:
    table = read_corpus("mine:folders", voices)
    with pytest.raises(CorpusError, match="expected 2 to 6 folds"):
        gather(table, Table(()), Table(()), replace(SETTINGS, folds="speaker:9"), tmp_path)
    assert not any(tmp_path.iterdir())
