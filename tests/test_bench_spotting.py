"""The rules of the spotting bench: halves, thresholds, intervals; not its figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tonewatch.transcript.spotting import THRESHOLDS

if TYPE_CHECKING:
    from bench.spotting import Heard

ROOT = Path(__file__).parents[1]
SIZES = dict.fromkeys(THRESHOLDS, 10)


@pytest.fixture(autouse=True)
def benches(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    pytest.importorskip("pocketsphinx", reason="needs the extra `words`")
    monkeypatch.syspath_prepend(str(ROOT))


def a_half(speaker: str, minutes: float, ratios: Sequence[float], n_sounds: int = 9) -> "Heard":
    from bench.spotting import Find, Heard

    finds = tuple(Find(f"phrase {k}", n_sounds, ratio) for k, ratio in enumerate(ratios))
    return Heard(speaker, minutes, finds)


def test_thresholds_keep_each_length_within_its_share_of_the_budget() -> None:
    from bench.spotting import BUDGET, false_alarms, fitted

    half = [a_half("a", 60.0, [k / 2 for k in range(40)])]
    thresholds = fitted(half, SIZES)
    told = false_alarms(half, thresholds)
    share = BUDGET * 60 / len(THRESHOLDS)
    assert 0 < len(told) <= share
    lower = thresholds | {9: thresholds[9] - 1}
    assert len(false_alarms(half, lower)) > share
    assert thresholds[12] == THRESHOLDS[12] - 10  # nothing was found: as low as was looked


def test_no_speaker_is_in_both_halves_and_they_are_about_as_long() -> None:
    from bench.spotting import dealt

    every = [a_half(str(k % 9), 1.0 + k % 3, []) for k in range(60)]
    halves = dealt(every)
    speakers = [{each.speaker for each in half} for half in halves]
    assert speakers[0].isdisjoint(speakers[1])
    assert sum(map(len, halves)) == len(every)
    minutes = [sum(each.minutes for each in half) for half in halves]
    assert abs(minutes[0] - minutes[1]) < 0.35 * sum(minutes)


@pytest.mark.parametrize(("n", "low", "high"), [(0, 0.0, 3.7), (3, 0.6, 8.8), (26, 17.0, 38.1)])
def test_the_interval_of_a_count(n: int, low: float, high: float) -> None:
    from bench.spotting import interval

    assert interval(n) == pytest.approx((low, high), abs=0.15)
