from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch (the extra `train`)")

from tonewatch.core.errors import TrainingError
from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table
from tonewatch.inference.bundle import load_bundle, write_bundle
from tonewatch.inference.evaluation import evaluate
from tonewatch.training.material import gather
from tonewatch.training.run import run
from tonewatch.training.start import CHECKPOINT, FINAL, checkpoint_of, with_start
from training.small_run import SETTINGS


def left_by(folder: Path, tiny_bundle: Path, training: Mapping[str, object]) -> str:
    """What a run leaves of its first fold and of its network on all, but for checkpoints."""
    bundle = load_bundle(tiny_bundle)
    told = replace(bundle, info=replace(bundle.info, training=training))
    for home in (folder / "speaker-1", folder):
        write_bundle(told, home / "bundle")
    return str(folder)


def test_whom_the_network_heard_may_not_judge_it(tiny_bundle: Path, tmp_path: Path) -> None:
    heard = {"speakers": ["mine:a"], "validation_speakers": ["mine:b"]}
    start = left_by(tmp_path, tiny_bundle, heard)
    found = checkpoint_of(start, "speaker-1", test=["mine:c"], validation=["mine:b"])
    assert found == tmp_path / "speaker-1" / "checkpoint.pt"
    assert checkpoint_of(start, FINAL) == tmp_path / "final" / "checkpoint.pt"
    assert checkpoint_of(None, "speaker-1", test=["mine:a"]) is None
    for test, validation in ((["mine:a"], []), (["mine:b"], []), (["mine:c"], ["mine:a"])):
        with pytest.raises(TrainingError, match=r"has heard mine:[ab], or one .* same folds"):
            checkpoint_of(start, "speaker-1", test=test, validation=validation)


def test_every_fold_begins_with_the_network_of_one(tiny_bundle: Path, tmp_path: Path) -> None:
    left_by(tmp_path, tiny_bundle, {"speakers": ["mine:a"]})
    one, everybody = tmp_path / "speaker-1", tmp_path / FINAL
    everybody.mkdir()
    for folder in (one, everybody):
        (folder / CHECKPOINT).touch()
        for name in ("speaker-2", FINAL):
            found = checkpoint_of(str(folder), name, test=["ours:c"])
            assert found == folder / CHECKPOINT
            assert with_start({"protocol": "all"}, str(folder), name) == {
                "protocol": f"all; begun with {folder}",
                "speakers": ["mine:a"],
            }
        with pytest.raises(TrainingError, match=f"expected in {folder} for .* it has heard mine:a"):
            checkpoint_of(str(folder), "speaker-2", test=["mine:a", "ours:c"])


def test_whom_the_start_heard_is_told_as_heard(tiny_bundle: Path, tmp_path: Path) -> None:
    heard = {"speakers": ["mine:a", "mine:c"], "corpora": ["mine"]}
    start = left_by(tmp_path, tiny_bundle, heard)
    own = {"protocol": "fold 1", "speakers": ["ours:d", "mine:c"], "validation_speakers": ["e"]}
    assert with_start(own, start, "speaker-1") == {
        "protocol": f"fold 1; begun with {start}",
        "speakers": ["mine:a", "mine:c", "ours:d"],
        "validation_speakers": ["e"],
        "corpora": ["mine"],
    }
    assert with_start(own, None, "speaker-1") == own


def test_a_bundle_is_not_independent_of_whom_its_start_heard(voices: Path, tmp_path: Path) -> None:
    brief = replace(
        SETTINGS, first_folds=1, train=replace(SETTINGS.train, epochs=1, steps=2, patience=1)
    )

    def trained(corpus: str, start: Path | None, out: Path) -> str:
        material = gather(
            read_corpus(f"{corpus}:folders", voices), Table(()), Table(()), brief, tmp_path / "f"
        )
        settings = replace(brief, start=None if start is None else str(start))
        return run(material, settings, out).protocol

    first, second = tmp_path / "first", tmp_path / "second"
    assert "began with" not in trained("mine", None, first)
    assert f"of the run {first}, and whom" in trained("ours", first, second)
    for name in ("speaker-1/bundle", "bundle"):
        heard = [load_bundle(run / name).info.training["speakers"] for run in (first, second)]
        assert heard[0] and heard[1] == sorted(
            each.replace("mine", corpus) for each in heard[0] for corpus in ("mine", "ours")
        )
    assert load_bundle(second / "bundle").info.training["corpora"] == ["mine", "ours"]
    few = Table(read_corpus("mine:folders", voices).utterances[:2])
    assert (
        "these speakers were trained on" in evaluate(load_bundle(second / "bundle"), few).protocol
    )
