import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.test_analyze import ending_processes
from inference.untrained import emodb_like, untrained_bundle
from tonewatch.cli.main import app

KEYS = {
    "n", "uar", "wa", "macro_f1", "ece", "certain_share", "certain_accuracy", "per_class",
    "confusion", "labels", "protocol", "by_sex", "by_speaker",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    untrained_bundle(folder / "bundle", training={"speakers": ["emodb:03"]})
    emodb_like(folder / "emodb")
    return folder


def run(folder: Path, *more: str) -> list[str]:
    return [
        "evaluate", "--bundle", str(folder / "bundle"), "--corpus", f"emodb={folder / 'emodb'}",
        *more,
    ]  # fmt: skip


def test_json_alone_on_the_standard_output(folder: Path) -> None:
    result = CliRunner().invoke(app, run(folder, "--json", "-"))
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert set(content) >= KEYS
    assert content["n"] == 6
    assert content["labels"] == ["neutral", "happy", "angry"]
    assert len(content["confusion"]) == 3
    assert content["windows"]["n"] > 6
    assert "WARNING: these speakers were trained on: emodb:03" in content["protocol"]


def test_tables_and_a_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "scores.json"
    result = CliRunner().invoke(
        app,
        run(folder, "--json", str(target), "--channel-sim", "telephone"),
        env={"COLUMNS": "120"},
    )
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text("utf-8"))
    assert "telephone line" in content["protocol"]
    for words in ("WARNING", "UAR", f"{content['uar']:.3f}", "Confusion", "female", "emodb:08"):
        assert words in result.stdout


def test_one_bad_file_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    corpus = emodb_like(tmp_path / "emodb", duration_s=1.0)
    (corpus / "03a01Na.wav").write_bytes(b"")
    result = CliRunner().invoke(
        app, ["evaluate", "--bundle", str(folder / "bundle"), "--corpus", f"emodb={corpus}"]
    )
    assert result.exit_code == 1
    assert "failed:" in result.stdout and "[empty]" in result.stdout


def test_names_in_brackets_are_told_to_the_letter(folder: Path, tmp_path: Path) -> None:
    listed = emodb_like(tmp_path) / "list.csv"
    rows = "03a01Na.wav,neutral,[ben]\n08a01Na.wav,neutral,[/x]\n08a02Fa.wav,happy,:cat:\n"
    listed.write_text(f"path,emotion,speaker\n{rows}")
    arguments = ["evaluate", "--bundle", str(folder / "bundle"), "--corpus", f"m:manifest={listed}"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert all(f"m:{name}" in result.stdout for name in ("[ben]", "[/x]", ":cat:"))


def test_a_process_that_ends_is_told(folder: Path, voices: Path) -> None:
    with ending_processes(once=True):
        result = CliRunner().invoke(app, run(folder, "--corpus", f"v:folders={voices}", "--jobs=2"))
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert "one of them ended" in result.stderr and "--jobs 1" in result.stderr


@pytest.mark.parametrize(
    "more",
    [
        ["--channel-sim", "radio"],
        ["--corpus", "nothing"],
        ["--corpus", "unheard=of"],
        ["--corpus", "ravdess:folders=."],
        ["--jobs", "0"],
        ["--json", "no/such/folder/scores.json"],
        ["--bundle", "nowhere"],
    ],
)
def test_wrong_usage(folder: Path, more: list[str]) -> None:
    assert CliRunner().invoke(app, run(folder, *more)).exit_code == 2


def test_a_corpus_is_needed() -> None:
    assert CliRunner().invoke(app, ["evaluate"]).exit_code == 2
