import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

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


def test_pictures_are_called_as_the_report_calls_them() -> None:
    for name in ("ravdess, clean", "ravdess_song, telephone", "My Corpus (2), x"):
        assert picture_word(name) == file_word(name)
