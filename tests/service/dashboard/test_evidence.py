import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tonewatch.inference.bundle import installed_bundles, load_bundle, write_bundle
from tonewatch.inference.predictor import Predictor
from tonewatch.service.dashboard.evidence import all_evidence, picture_word
from tonewatch.service.settings import Settings
from tonewatch.service.state import State
from tonewatch.training.ink import file_word


def _state(bundle: str, data: Path) -> State:
    settings = Settings(data_dir=data, bundle=bundle)
    return cast(State, SimpleNamespace(settings=settings, predictor=Predictor.load(bundle)))


def test_without_a_report_there_is_the_bundle_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_bundle(load_bundle("voice"), folder)
    (found, *others) = all_evidence(_state(str(folder), tmp_path))
    assert found.active
    assert not found.conditions
    names = {each.bundle.info.name for each in others}
    assert names == set(installed_bundles()) - {"voice"}, "the installed one is the same"


def test_a_report_beside_the_bundle_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_bundle(load_bundle("voice"), folder)
    pooled: dict[str, Any] = {"labels": ["a", "b"], "confusion": [[3, 1], [0, 2]]}
    table = {"conditions": {"ravdess, clean": {"pooled": pooled}}, "folds": [{"name": "one"}]}
    (folder / "report").mkdir()
    (folder / "report" / "report.json").write_text(json.dumps(table))
    (folder / "report" / "reliability-ravdess-clean.png").write_bytes(b"\x89PNG")
    (found, *_) = all_evidence(_state(str(folder), tmp_path))
    assert found.conditions["ravdess, clean"] == pooled
    assert found.folds[0]["name"] == "one"
    picture = found.pictures[f"reliability-{picture_word('ravdess, clean')}"]
    assert picture.startswith("data:image/png;base64,")


def test_a_run_has_its_report_beside_its_bundle(tmp_path: Path) -> None:
    write_bundle(load_bundle("voice"), tmp_path / "bundle")
    bins: dict[str, Any] = {"count": [2], "confidence": [0.8], "accuracy": [0.5]}
    table = {"conditions": {"clean": {"pooled": {"n": 2}, "reliability": bins}}, "folds": []}
    (tmp_path / "report.json").write_text(json.dumps(table))
    (found, *_) = all_evidence(_state(str(tmp_path / "bundle"), tmp_path))
    assert found.conditions == {"clean": {"n": 2, "reliability": bins}}


def test_the_shipped_model_comes_with_the_report_of_its_own_test(tmp_path: Path) -> None:
    """Else who only installed it sees no confusion matrix: copy it to `bundles/voice/report/`."""
    (found, *_) = all_evidence(_state("voice", tmp_path))
    metrics = found.bundle.info.metrics
    tested = {name: each for name, each in metrics.items() if "uar" in each and "wa" in each}
    assert tested
    path = installed_bundles()["voice"] / "report" / "report.json"
    told = json.loads(path.read_text("utf-8"))["conditions"]
    known = set(found.bundle.info.labels)
    for name, each in tested.items():
        if not set(told[name]["pooled"]["labels"]) <= known:  # the folds' networks know `bored`
            assert told[name]["pooled"]["n"] > each["n"], name
            continue
        assert found.conditions[name]["n"] == each["n"], name
        assert told[name]["pooled"]["uar"] == pytest.approx(each["uar"], abs=0.001), name
    first = found.conditions[next(iter(tested))]
    assert "reliability" in first or found.pictures
    assert found.folds[0]["history"]


def test_pictures_are_called_as_the_report_calls_them() -> None:
    for name in ("ravdess, clean", "ravdess_song, telephone", "My Corpus (2), x"):
        assert picture_word(name) == file_word(name)
