from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch (the extra `train`)")

from tonewatch.core.errors import TrainingError
from tonewatch.corpora.folds import parse_folds
from tonewatch.training.claims import FRAMES, claim, claim_part
from tonewatch.training.material import Material, WindowRun
from tonewatch.training.networks.ssl import Ssl
from training.small_run import SETTINGS
from training.small_run import frames as frames
from training.small_run import material as material


def test_a_claimed_folder_is_empty_but_for_frames(tmp_path: Path) -> None:
    claim(tmp_path / "a" / "b", resume=False)
    (tmp_path / "a" / "b" / FRAMES).mkdir()
    claim(tmp_path / "a" / "b", resume=False)
    with pytest.raises(TrainingError, match="expected an empty folder"):
        claim(tmp_path / "a", resume=False)
    claim(tmp_path / "a", resume=True)


def test_a_part_goes_on_with_the_same_recordings_wherever_they_lie(
    material: Material, tmp_path: Path
) -> None:
    material = replace(material, noises=(Path("here") / "babble.wav",))
    fold = parse_folds("speaker:2").folds(material.utterances[: material.n_labelled])[0]
    moved = replace(
        material,
        utterances=tuple(
            replace(each, path=Path("elsewhere") / each.path.name) for each in material.utterances
        ),
        noises=tuple(Path("elsewhere") / each.name for each in material.noises),
    )
    claim_part(tmp_path / "fold", material, SETTINGS, fold)
    claim_part(tmp_path / "fold", moved, replace(SETTINGS, jobs=1), fold)


def test_a_part_does_not_go_on_from_another_backbone(material: Material, tmp_path: Path) -> None:
    settings = replace(SETTINGS, window=WindowRun(Ssl(str(tmp_path))))
    (tmp_path / "model.safetensors").write_bytes(b"some weights")
    claim_part(tmp_path / "final", material, settings, None)
    claim_part(tmp_path / "final", material, settings, None)
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(TrainingError, match="what it was begun with"):
        claim_part(tmp_path / "final", material, settings, None)


def test_a_part_does_not_go_on_with_others_or_otherwise_divided(
    material: Material, tmp_path: Path
) -> None:
    first, second = parse_folds("speaker:2").folds(material.utterances[: material.n_labelled])
    claim_part(tmp_path / "fold", material, SETTINGS, first)
    other = replace(material.utterances[-1], speaker="mine:another")
    more = replace(material, utterances=(*material.utterances[:-1], other))
    longer = replace(SETTINGS, train=replace(SETTINGS.train, epochs=4))
    noisier = replace(material, noises=(Path("babble.wav"),))
    for came in (
        (noisier, SETTINGS, first),
        (more, SETTINGS, first),
        (material, SETTINGS, second),
        (material, longer, first),
    ):
        with pytest.raises(TrainingError, match="what it was begun with"):
            claim_part(tmp_path / "fold", *came)
    claim_part(tmp_path / "final", material, SETTINGS, None)
    with pytest.raises(TrainingError, match="what it was begun with"):
        claim_part(tmp_path / "final", more, SETTINGS, None)
