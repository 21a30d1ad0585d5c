import io

import numpy as np
import pytest
from rich.console import Console

from tonewatch.cli.meter import emotions, level, live, peak_dbfs
from tonewatch.core.signal import Samples


def block(peak: float) -> Samples:
    return np.array([0.0, -peak, peak / 2], np.float32)


@pytest.mark.parametrize(
    ("peak", "dbfs", "length"), [(1.0, 0, 40), (0.1, -20, 27), (0.001, -60, 0), (0.0, -60, 0)]
)
def test_the_bar_is_as_long_as_the_peak_is_loud(peak: float, dbfs: float, length: int) -> None:
    assert peak_dbfs(block(peak)) == pytest.approx(dbfs, abs=0.01)
    bar = level(block(peak), "1.0 s").plain
    assert bar.count("█") == length
    assert bar.startswith("1.0 s")
    assert bar.endswith(f"{dbfs:4.0f} dBFS")


def test_the_colour_says_whether_it_is_good() -> None:
    colours = [level(block(peak), "").spans[0].style for peak in (0.001, 0.1, 0.7, 1.0)]
    assert colours == ["grey50", "green", "yellow", "red"]


@pytest.mark.parametrize(("certain", "word"), [(True, "certain"), (False, "unsure")])
def test_the_likeliest_emotion_is_first(certain: bool, word: str) -> None:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(emotions({"sad": 0.2, "angry": 0.75, "calm": 0.05}, certain))
    first, second, third = captured.get().splitlines()
    assert first.split()[:2] == ["■", "angry"]
    assert first.count("█") == 30
    assert first.rstrip().endswith(f"75% {word}")
    assert (second.split()[1], third.split()[1]) == ("sad", "calm")


@pytest.mark.parametrize("terminal", [True, False])
def test_it_moves_on_a_terminal_only(terminal: bool) -> None:
    file = io.StringIO()
    with live(Console(file=file, force_terminal=terminal, width=80)) as show:
        show("speak in 1 …")
        show(level(block(0.5), "0.1 s"))
    assert ("0.1 s" in file.getvalue()) == terminal
