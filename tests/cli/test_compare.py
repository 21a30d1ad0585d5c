import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tonewatch.cli.main import app
from training.finished import answers, two_folds, write_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, of which one has a random split."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "base", two_folds(0.5))
    write_run(folder / "strong", two_folds(2.0))
    random = {"random-1": {"acted, clean": answers(range(8), 3.0)}}
    write_run(folder / "random", random, leaky=True)
    return folder


def told(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["compare", *arguments], env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_tables_and_a_page(runs: Path, tmp_path: Path) -> None:
    code, out, _ = told(
        str(runs / "base"), f"better={runs / 'strong'}", str(runs / "random"), "--out",
        str(tmp_path / "compared"),
    )  # fmt: skip
    assert code == 0
    plain = json.loads((tmp_path / "compared" / "compare.json").read_text("utf-8"))
    better = plain["conditions"]["acted, clean"]["better"]
    for words in (
        "compared with base", "better", f"{better['uar']:.3f}", "LEAKY", "stream_cnn",
        f"{better['versus_reference']['uar']:+.3f}", "none kept", "compare.html",
    ):  # fmt: skip
        assert words in out
    assert (tmp_path / "compared" / "compare.html").exists()


def test_a_small_model_has_a_size(runs: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    small = write_run(tmp_path / "small", two_folds(1.0))
    shutil.copytree(tiny_bundle, small / "bundle")
    code, out, _ = told(str(runs / "base"), str(small), "--no-speed")
    assert code == 0
    assert f"{(tiny_bundle / 'model.onnx').stat().st_size / 1000:.1f} kB" in out


def test_json_alone(runs: Path, tmp_path: Path) -> None:
    pair = (str(runs / "base"), str(runs / "strong"))
    code, out, _ = told(*pair, "--json", "-", "--no-speed")
    assert code == 0
    assert [run["name"] for run in json.loads(out)["runs"]] == ["base", "strong"]
    code, shown, _ = told(*pair, "--json", str(tmp_path / "compare.json"))
    assert (tmp_path / "compare.json").read_text("utf-8") == out
    assert "compared with base" in shown


def test_names_in_brackets_are_told_to_the_letter(runs: Path, tmp_path: Path) -> None:
    pair = (f"[a]={runs / 'base'}", f"[/b]={runs / 'strong'}")
    code, shown, _ = told(*pair, "--no-speed", "--out", str(tmp_path / "[c]"))
    assert code == 0
    assert "compared with [a]" in shown and "[/b]" in shown and "[c]" in shown


def test_what_cannot_be_compared_is_a_failure(runs: Path, tmp_path: Path) -> None:
    code, _, error = told(str(runs / "base"), str(tmp_path))
    assert code == 1 and "report.json" in error
    other = write_run(tmp_path / "other", {"speaker-1": two_folds(1.0)["speaker-1"]})
    code, _, error = told(str(runs / "base"), str(other))
    assert code == 1 and "same folds" in error


@pytest.mark.parametrize("more", [["--json", "no/such/folder.json"], ["--out", __file__]])
def test_wrong_usage(runs: Path, more: list[str]) -> None:
    assert told(str(runs / "base"), str(runs / "strong"), *more)[0] == 2
    assert told()[0] == 2


def test_one_run_alone_is_wrong_usage(runs: Path) -> None:
    code, _, error = told(str(runs / "base"))
    assert code == 2 and "two or more" in error
