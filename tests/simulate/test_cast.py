from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import CorpusError
from tonewatch.corpora.table import Table, Utterance
from tonewatch.simulate.cast import Cast


def utterance(speaker: str, emotion: str | None, take: int, **extra: str) -> Utterance:
    path = Path(f"{speaker}-{emotion}-{take}.wav")
    return Utterance(path, emotion, f"c:{speaker}", None, "en", "c", extra)


SPEAKERS = {"1": ("neutral", "sad"), "2": ("calm", "angry")}
TABLE = Table(
    (
        *(
            utterance(s, e, take)
            for s, known in SPEAKERS.items()
            for e in known
            for take in range(3)
        ),
        utterance("1", None, 0),
        utterance("2", "sad", 0, source="synthetic"),
    )
)


def test_only_labelled_originals_are_cast() -> None:
    cast = Cast.of(TABLE)
    assert cast.emotions == {"neutral", "sad", "calm", "angry"}
    assert cast.having("sad") == ["c:1"]  # the copy of speaker 2 is none
    assert sum(len(paths) for takes in cast.takes.values() for paths in takes.values()) == 12


def test_speakers_are_left_out() -> None:
    assert set(Cast.of(TABLE).without({"c:1"}).takes) == {"c:2"}
    assert not Cast.of(TABLE).without({"c:1", "c:2"}).takes


def test_a_caller_begins_calmly() -> None:
    cast = Cast.of(TABLE)
    assert cast.sequence("c:1", "sad", 4) == ["neutral", "sad", "sad", "sad"]
    assert cast.sequence("c:2", "angry", 2) == ["calm", "angry"]


def test_no_take_comes_twice_while_there_are_others() -> None:
    cast = Cast.of(TABLE)
    drawn = cast.draw("c:1", ["neutral", *["sad"] * 4, "happy"], np.random.default_rng(0))
    assert [emotion for emotion, _ in drawn] == ["neutral", "sad", "sad", "sad", "sad"]
    sad = [path for emotion, path in drawn if emotion == "sad"]
    assert len(set(sad[:3])) == 3
    assert drawn == cast.draw("c:1", ["neutral", *["sad"] * 4], np.random.default_rng(0))
    others = [cast.draw("c:1", ["sad"] * 3, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(map(tuple, others))) == 6  # all orders come


def test_a_table_without_emotions_is_refused() -> None:
    with pytest.raises(CorpusError, match="with an emotion"):
        Cast.of(Table((utterance("1", None, 0),)))
