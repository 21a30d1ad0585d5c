"""Caller states: how the table is divided, and that what is shipped says what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import CorpusError
from tonewatch.inference.bundle import load_bundle
from tonewatch.training.state_table import (
    COPIES,
    GAP,
    LABELS,
    N_COEFFICIENTS,
    States,
    distances,
    divisions,
    near_duplicates,
    read_table,
)

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "reports" / "caller-state"


def table(n_files: int = 120) -> States:
    rng = np.random.default_rng(0)
    files = rng.normal(size=(n_files, N_COEFFICIENTS))
    x = np.repeat(files, COPIES, axis=0) + 0.3 * rng.normal(size=(3 * n_files, N_COEFFICIENTS))
    return States(x, np.repeat(np.arange(n_files) % len(LABELS), COPIES))


def written(path: Path, labels: list[str]) -> Path:
    head = ",".join([*map(str, range(N_COEFFICIENTS)), "labels"])
    rows = [",".join(["1.5"] * N_COEFFICIENTS) + f",{label}" for label in labels]
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return path


def test_it_reads_rows_in_threes(tmp_path: Path) -> None:
    found = read_table(written(tmp_path / "t.csv", ["drunk"] * 3 + ["angry"] * 3))
    assert found.x.shape == (6, 20)
    assert [LABELS[i] for i in found.y] == ["drunk"] * 3 + ["angry"] * 3
    assert found.files.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["drunk", "drunk", "angry"], "threes"),
        (["drunk"] * 4, "threes"),
        ([], "threes"),
        (["sober"] * 3, "drunk"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, labels: list[str], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read_table(written(tmp_path / "t.csv", labels))


def test_near_duplicates_join_files_and_their_copies() -> None:
    plain = table(40)
    x = plain.x.copy()
    x[3 * 30 + 1] = x[3 * 7 + 2] + 1e-3  # a copy of file 30 is nearly one of file 7
    group = near_duplicates(States(x, plain.y))
    assert len(np.unique(group)) == 39
    assert set(group[21:24]) == set(group[90:93])
    assert all(len(set(group[3 * f : 3 * f + 3])) == 1 for f in range(40))


def test_each_row_is_tested_once_and_never_learnt_from_at_once() -> None:
    made = table()
    for division in divisions(made):
        tested = np.concatenate([test for _, test in division.folds])
        assert sorted(tested.tolist()) == list(range(360))
        for learn, test in division.folds:
            assert not set(learn.tolist()) & set(test.tolist())


def test_only_the_random_division_learns_from_copies() -> None:
    made = table()
    shared = {
        division.name: any(
            set(made.files[learn].tolist()) & set(made.files[test].tolist())
            for learn, test in division.folds
        )
        for division in divisions(made)
    }
    assert shared == {"random": True, "near-duplicates": False, "runs": False}
    assert [d.leaky for d in divisions(made)] == [True, False, False]


def test_runs_keep_their_distance() -> None:
    made = table()
    (runs,) = (d for d in divisions(made) if d.name == "runs")
    for learn, test in runs.folds:
        apart = np.abs(made.files[learn][:, None] - made.files[test][None])
        assert apart.min() > GAP


def test_distances_find_who_is_of_one_file() -> None:
    found = distances(table(110))
    assert found["nearest_is_of_the_same_file"] == pytest.approx([1.0] * 3, abs=0.05)
    assert len(found["mean_distance_by_files_apart"]) == 100


def test_the_table_is_as_the_report_says(shared_data: Path) -> None:
    found = read_table(shared_data / "helpline" / "mfcc20_four_states.csv")
    told = json.loads((REPORT / "report.json").read_text("utf-8"))
    assert len(found.y) == told["n_rows"] == 930
    measured = distances(found)
    for key, value in told["distances"].items():
        assert measured[key] == pytest.approx(value)


def test_the_shipped_bundle_is_marked_and_says_what_was_measured() -> None:
    bundle = load_bundle("caller-state")
    told = json.loads((REPORT / "report.json").read_text("utf-8"))["divisions"]
    assert bundle.info.experimental
    assert bundle.info.labels == LABELS
    assert len(bundle.model) < 500_000
    assert bundle.info.calibration.certain_threshold == 1.0
    page = (REPORT / "README.md").read_text("utf-8")
    for name, each in told.items():
        assert bundle.info.metrics[name]["uar"] == each["uar"]
        row = next(line for line in bundle.card.splitlines() if line.startswith(f"| {name}"))
        assert f"| {each['uar']:.3f} (" in row
        assert f"{each['uar']:.3f}" in page and f"{each['files_only']['uar']:.3f}" in page
        assert each["leaky"] == ("LEAKY" in row) == (name == "random")
    assert "EXPERIMENTAL" in bundle.card.splitlines()[0]
