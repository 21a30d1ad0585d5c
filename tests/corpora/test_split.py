from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.errors import CorpusError, SettingsError
from tonewatch.core.labels import Sex
from tonewatch.corpora.recorded import Row, Source
from tonewatch.corpora.split import PARTS, split

SEXES: tuple[Sex | None, ...] = ("female", "male", None)


def rows(speakers: int, sexes: Sequence[Sex | None] = SEXES) -> list[Row]:
    """Of each speaker two recordings and a copy."""
    sources: tuple[Source, ...] = ("natural", "natural", "synthetic")
    return [
        Row(f"{who}-{i}.wav", "sad", f"{who:02}", sexes[who % len(sexes)], "", "", source, "yes")
        for who in range(speakers)
        for i, source in enumerate(sources)
    ]


@given(
    st.integers(3, 40),
    st.tuples(st.integers(1, 90), st.integers(0, 50), st.integers(0, 50)),
    st.integers(0, 5),
)
def test_no_voice_is_in_two_parts(speakers: int, shares: tuple[int, ...], seed: int) -> None:
    all_rows = rows(speakers)
    parts = split(all_rows, shares, np.random.default_rng(seed))
    assert tuple(parts) == PARTS
    who = {name: {row.speaker for row in part} for name, part in parts.items()}
    assert sum(map(len, who.values())) == len(set().union(*who.values())) == speakers
    for name, share in zip(PARTS, shares, strict=True):
        assert bool(who[name]) == (share > 0)
        wanted = share / sum(shares) * speakers
        assert abs(len(who[name]) - wanted) <= 2 or len(who[name]) == 1 or name == "train"
    assert all(row.source == "natural" for name in PARTS[1:] for row in parts[name])
    assert [row for row in all_rows if row.speaker in who["train"]] == parts["train"]


def test_women_and_men_are_in_each_part() -> None:
    parts = split(rows(20, ("female", "male")), (60, 20, 20), np.random.default_rng(0))
    for part in parts.values():
        assert {row.sex for row in part} == {"female", "male"}
    assert [len({row.speaker for row in part}) for part in parts.values()] == [12, 4, 4]


def test_the_seed_decides() -> None:
    first, again, other = (
        split(rows(20), (70, 15, 15), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("speakers", "shares"), [(2, (70, 15, 15)), (0, (100, 0, 0))])
def test_what_cannot_be_divided(speakers: int, shares: tuple[float, ...]) -> None:
    with pytest.raises(CorpusError, match="expected"):
        split(rows(speakers), shares, np.random.default_rng(0))


@pytest.mark.parametrize(
    "shares", [(70, 30), (0, 50, 50), (70, -1, 31), (70, float("nan"), 30), (70, float("inf"), 30)]
)
def test_what_are_no_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match=r"three shares from 0.* came (70|0),.*70,15,15"):
        split(rows(9), shares, np.random.default_rng(0))
