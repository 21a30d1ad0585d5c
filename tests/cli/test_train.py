"""What `tonewatch train` makes of its options; `tests/training/test_run.py` has what a run does."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from tonewatch.audio.inputs import MfccMean
from tonewatch.cli.main import app
from tonewatch.inference.bundle import load_bundle
from voices import make_corpus

pytest.importorskip("torch", reason="needs torch (the extra `train`)")


class Came(NamedTuple):
    code: int
    out: Path
    told: str


SMALL = ("--set", "network.widths=4,4,8,8", "--set", "network.embedding=16")
"""A default network of a few thousand weights."""


def call(voices: Path, out: Path, *more: str) -> Came:
    """The smallest run there is, unless `more` says otherwise: one step of one fold."""
    arguments = [
        "train", "--corpus", f"mine:folders={voices}", "--out", str(out), "--device", "cpu",
        "--epochs", "1", "--steps", "1", "--copies", "2", "--jobs", "1", "--folds", "random:2",
        "--first-folds", "1", "--no-final",
    ]  # fmt: skip
    small = () if "--network" in more else SMALL
    result = CliRunner().invoke(app, [*arguments, *small, *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.stdout == ""
    return Came(result.exit_code, out, result.stderr)


@pytest.fixture(scope="module")
def leaky(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Came:
    """A random split with a bundle of two of the labels learnt."""
    folder = tmp_path_factory.mktemp("train")
    two = folder / "two.toml"
    two.write_text('name = "two"\nlabels = ["angry", "sad"]\n')
    return call(
        voices, folder / "run", "--final", "--bundle-scheme", str(two), "--name", "small",
        "--version", "1.2", "--licence", "CC0-1.0", "--seed", "7", "--weight", "mine=2",
        "--late-weight", "mine=3",
    )  # fmt: skip


def test_the_folder_has_report_fold_and_bundle(leaky: Came) -> None:
    assert leaky.code == 0
    assert {path.name for path in leaky.out.iterdir()} >= {
        "report.html", "report.json", "random-1", "final", "bundle", "frames",
    }  # fmt: skip
    assert list(leaky.out.glob("*.png"))
    settings = json.loads((leaky.out / "report.json").read_text("utf-8"))["settings"]
    assert (settings["train"]["seed"], settings["dataset"]["seed"]) == (7, 7)
    assert settings["train"]["corpus_weights"] == {"mine": 2.0}
    assert settings["train"]["late_weights"] == {"mine": 3.0}
    assert (settings["train"]["epochs"], settings["train"]["steps"]) == (1, 1)
    assert settings["dataset"]["augment"]["copies"] == 2


def test_a_random_split_is_called_leaky_everywhere(leaky: Came) -> None:
    assert "LEAKY" in leaky.told
    report = json.loads((leaky.out / "report.json").read_text("utf-8"))
    assert report["leaky"]
    assert "LEAKY" in (leaky.out / "report.html").read_text("utf-8").upper()


def test_a_label_outside_the_scheme_is_told(leaky: Came) -> None:
    assert "left out: 1 recordings of wistful, which ravdess8 has no label for" in leaky.told


def test_the_bundle_has_the_labels_name_version_and_licence_asked_for(leaky: Came) -> None:
    bundle = load_bundle(leaky.out / "bundle")
    info = bundle.info
    assert (info.name, info.version, info.licence) == ("small", "1.2", "CC0-1.0")
    assert (bundle.info.scheme, bundle.info.labels) == ("two", ("angry", "sad"))
    assert "angry, sad" in bundle.card
    learnt = json.loads((leaky.out / "report.json").read_text("utf-8"))["labels"]
    assert len(learnt) == 8


def test_another_network_has_defaults_of_its_own(voices: Path, tmp_path: Path) -> None:
    came = call(voices, tmp_path / "run", "--network", "mfcc_cnn", "--rate", "0.003")
    assert came.code == 0
    assert "network mfcc_cnn" in came.told
    report = json.loads((came.out / "report.json").read_text("utf-8"))
    training = report["settings"]["window"]["train"]
    assert (training["learning_rate"], training["batch_size"]) == (0.003, 32)
    assert report["settings"]["scheme"] == "ravdess8"
    info = load_bundle(came.out / "random-1" / "bundle").info
    assert (info.kind, info.input) == ("window", MfccMean(40))


def test_a_network_s_usual_labels_are_learnt(tmp_path: Path) -> None:
    voices = make_corpus(tmp_path / "voices", ["angry", "painful", "sad"])
    came = call(voices, tmp_path / "run", "--network", "stacked")
    assert came.code == 0
    assert "left out: 12 recordings of sad, which helpline4 has no label for" in came.told
    assert "no recording of drunk: the bundle never answers it" in came.told
    report = json.loads((came.out / "report.json").read_text("utf-8"))
    assert report["labels"] == ["angry", "drunk", "painful", "stressful"]


def test_a_word_in_brackets_is_told_to_the_letter(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", ["angry", "sad", "[glad]"], speakers=2, takes=1)
    came = call(corpus, tmp_path / "run", "--part", "9")  # there is none, so that none is trained
    assert came.code != 0 and "2 recordings of [glad]" in came.told


def test_a_scheme_of_one_s_own_renames_words(voices: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\nlabels = ["low", "raised"]\n'
        '[words]\nsad = "low"\nwistful = "low"\nangry = "raised"\n'
    )
    came = call(voices, tmp_path / "run", "--scheme", str(own))
    assert came.code == 0
    assert "left out" not in came.told
    report = json.loads((came.out / "report.json").read_text("utf-8"))
    assert report["labels"] == ["low", "raised"]
    assert load_bundle(came.out / "random-1" / "bundle").info.scheme == "own"


def test_a_folder_in_use_is_refused_unless_resumed(leaky: Came, voices: Path) -> None:
    again = call(voices, leaky.out)
    assert again.code == 1
    assert "add --resume" in again.told


def test_a_cache_elsewhere_serves(leaky: Came, voices: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (leaky.out / "frames").rglob("*.npy")}
    came = call(voices, tmp_path / "run", "--cache", str(leaky.out / "frames"), "--seed", "7")
    assert came.code == 0
    assert not (tmp_path / "run" / "frames").exists()
    assert not (tmp_path / "run" / "bundle").exists()
    after = {path: path.stat().st_mtime_ns for path in (leaky.out / "frames").rglob("*.npy")}
    assert before == after


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--corpus", "nothing"], "NAME=PATH"),
        (["--corpus", "unheard=of"], "expected a corpus"),
        (["--weight", "mine"], "NAME=NUMBER"),
        (["--weight", "mine=much"], "NAME=NUMBER"),
        (["--weight", "mine=-1"], "0 or more"),
        (["--weight", "tess=2"], "expected one of mine"),
        (["--late-weight", "mine"], "--late-weight"),
        (["--late-weight", "mine=2", "--network", "mfcc_cnn"], "stream_cnn"),
        (["--device", "abacus"], "abacus"),
        (["--folds", "speaker:1"], "speaker:5"),
        (["--scheme", "none"], "none"),
        (["--bundle-scheme", "emotion9"], "bored"),
        (["--copies", "1"], "--copies"),
        (["--out", __file__], "--out"),
        (["--network", "wider"], "wider"),
        (["--network", "ssl"], "--backbone"),
        (["--network", "mfcc_cnn", "--fine-tune"], "--fine-tune"),
        (["--backbone", "."], "--network ssl"),
        (["--no-validation", "--first-folds", "1"], "calibrate each"),
    ],
)
def test_wrong_usage(voices: Path, tmp_path: Path, more: list[str], told: str) -> None:
    came = call(voices, tmp_path / "run", *more)
    assert came.code == 2
    assert told in came.told
    assert not list(tmp_path.rglob("*.npy"))


def test_no_gpu_is_wrong_usage(voices: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    came = call(voices, tmp_path / "run", "--device", "cuda")
    assert (came.code, "--device cpu" in came.told) == (2, True)


def test_what_cannot_be_trained_on_is_a_failure(tmp_path: Path) -> None:
    assert call(tmp_path / "nowhere", tmp_path / "run").code == 1
    wistful = make_corpus(tmp_path / "corpus", ["wistful"], speakers=1, takes=1)
    came = call(wistful, tmp_path / "run")
    assert came.code == 1
    assert "wistful" in came.told


def test_corpus_and_out_are_needed() -> None:
    assert CliRunner().invoke(app, ["train"]).exit_code == 2


def test_help_has_examples() -> None:
    result = CliRunner().invoke(app, ["train", "--help"])
    assert result.exit_code == 0
    assert "tonewatch train" in result.stdout
