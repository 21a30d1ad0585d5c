import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.errors import SettingsError
from tonewatch.inference.windows import WindowGrid


def test_seconds_are_rounded_to_the_grid() -> None:
    grid = WindowGrid.from_seconds(3.0, 1.01, 25)
    assert (grid.window, grid.hop) == (75, 25)
    assert (grid.start_s(100), grid.end_s(100)) == (1.0, 4.0)
    assert (grid.start_s(30), grid.end_s(30)) == (0.0, 1.2)


@given(st.integers(2, 200), st.integers(2, 200), st.integers(1, 40))
def test_steps_end_where_windows_end(window: int, hop: int, n_steps: int) -> None:
    grid = WindowGrid(max(window, hop), min(window, hop), 25)
    end, ends = 0, []
    for _ in range(n_steps):
        step = grid.step_after(end)
        assert 2 <= step <= grid.window
        end += step
        if grid.is_window_end(end):
            ends.append(end)
            assert grid.covered(end) == end
    assert ends == [grid.window + k * grid.hop for k in range(len(ends))]
    assert end < grid.window or ends


@pytest.mark.parametrize(
    ("window_s", "hop_s"),
    [(1, 2), (3, 0), (3, -1), (0.04, 0.04), (float("nan"), 1), (3, float("inf")), (601, 1)],
)
def test_wrong_lengths_are_refused(window_s: float, hop_s: float) -> None:
    with pytest.raises(SettingsError, match="expected"):
        WindowGrid.from_seconds(window_s, hop_s, 25)
