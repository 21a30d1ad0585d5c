"""`tonewatch train --set` and `--search`."""

import json
from pathlib import Path

import pytest

from cli.test_train import call

pytest.importorskip("torch", reason="needs torch (the extra `train`)")


def test_settings_reach_the_run(voices: Path, tmp_path: Path) -> None:
    came = call(voices, tmp_path / "run", "--set", "batch.warp=0", "--set", "train.seed=5")
    assert came.code == 0
    settings = json.loads((came.out / "report.json").read_text("utf-8"))["settings"]
    assert settings["train"]["batch"]["warp"] == 0
    assert settings["train"]["network"]["widths"] == [4, 4, 8, 8]
    assert settings["train"]["seed"] == 5


def test_a_search_prints_how_to_train_with_what_it_found(voices: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs Optuna (the extra `search`)")
    space = tmp_path / "space.toml"
    space.write_text('"batch.warp" = { low = 0.01, high = 0.2 }\n')
    line = ["--folds", "speaker:3", "--search", "2", "--search-space", str(space)]
    came = call(voices, tmp_path / "searched", *line)
    assert came.code == 0, came.told
    found = json.loads((came.out / "search.json").read_text("utf-8"))
    assert found["trials"] == 2
    (pair,) = found["set"]
    assert pair.startswith("batch.warp=0.")
    assert f"tonewatch train --set {pair}" in came.told
    assert "trial   2" in came.told
    assert "quote speaker-1 alone" in came.told
    assert not (came.out / "report.json").exists()
    assert call(voices, came.out, *line).code == 1, "needs --resume"
    assert call(voices, came.out, *line, "--resume").code == 0


def test_a_network_of_windows_is_searched_in_what_it_has(voices: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs Optuna (the extra `search`)")
    line = ["--network", "mfcc_cnn", "--folds", "speaker:3", "--search", "1"]
    came = call(voices, tmp_path / "searched", *line)
    assert came.code == 0, came.told
    found = json.loads((came.out / "search.json").read_text("utf-8"))
    names = [pair.partition("=")[0] for pair in found["set"]]
    assert names == ["train.learning_rate", "network.dropout"]


def test_what_cannot_be_searched_is_told_before_anything_is_made(
    voices: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="needs Optuna (the extra `search`)")
    came = call(voices, tmp_path / "run", "--network", "egemaps_svm", "--search", "1")
    assert came.code == 2
    assert "solved at once" in came.told
    assert not came.out.exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "batch.wrap=0"], "batch.warp"),
        (["--set", "train.epochs=many"], "a whole number"),
        (["--search", "0"], "--search"),
        (["--search", "1", "--members", "2"], "--members"),
        (["--search", "1", "--start", "runs/voice"], "--start"),
        (["--start", "nowhere"], "nowhere"),
        (["--search", "1", "--no-validation"], "--no-validation"),
        (["--search-space", __file__], "--search N"),
        (["--search", "1", "--search-space", "none.toml"], "none.toml"),
    ],
)
def test_wrong_usage(voices: Path, tmp_path: Path, more: list[str], told: str) -> None:
    came = call(voices, tmp_path / "run", *more)
    assert came.code == 2
    assert told in came.told
    assert not (tmp_path / "run").exists()
