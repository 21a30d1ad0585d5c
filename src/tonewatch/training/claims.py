"""What a run or a search was begun with, so that it goes on with the same or not at all.

Recordings count by corpus, speaker, label and file name, noises by their name, so that a run may go
on where the corpora lie elsewhere. It does not train.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tonewatch.core.errors import TrainingError
from tonewatch.corpora.folds import Fold
from tonewatch.training.differences import told_apart
from tonewatch.training.material import Material, RunSettings

FRAMES = "frames"
"""The folder of frames in a run's folder, where no other cache is named."""

_NOTE = "begun_with.txt"


def claim(out: Path, *, resume: bool) -> None:
    """Make the folder of a run; frames may lie in it already.

    Raises:
        TrainingError: `out` has a run and `resume` was not asked for.
    """
    if not resume and out.exists() and any(path.name != FRAMES for path in out.iterdir()):
        raise TrainingError(f"expected an empty folder, came {out}; add --resume or choose another")
    out.mkdir(parents=True, exist_ok=True)


def claim_part(folder: Path, material: Material, settings: RunSettings, fold: Fold | None) -> None:
    """Make the folder of a fold, or of the network on all speakers, and note what is begun with.

    Raises:
        TrainingError: it was begun with other settings, recordings or another division.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note, now = folder / _NOTE, begun_with(material, settings, fold) + "\n"
    if note.exists() and (before := note.read_text("utf-8")) != now:
        raise TrainingError(
            f"expected to go on in {folder} with what it was begun with, came "
            f"{told_apart(before, now)}; use the same settings and recordings, or another folder"
        )
    note.write_text(now, "utf-8")


def begun_with(material: Material, settings: RunSettings, fold: Fold | None) -> str:
    """What a training must go on with, in one line: all that its result depends on.

    Args:
        material: its recordings.
        settings: of the run; where and by how many processes does not matter.
        fold: how they are divided; None for the network on all speakers.
    """
    how: tuple[object, ...] = (settings.train, settings.dataset)
    if settings.members > 1:
        how += (f"members={settings.members}, snapshots={settings.snapshots}",)
    if settings.window is not None:
        how = (settings.window, settings.window.network.origin)
    sides: tuple[Iterable[int], ...] = (range(material.n_labelled),)
    if fold is not None:
        sides = (fold.train, fold.validation, fold.test)
    unlabelled = range(material.n_labelled, len(material.utterances))
    digest = hashlib.sha256()
    for side in (*sides, unlabelled):
        for i in side:
            each, target = material.utterances[i], material.labelling.target[i]
            line = f"{each.corpus} {each.speaker} {target} {each.path.name}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        digest.update(b"\n")
    for noise in material.noises:  # not all are among the recordings
        digest.update(f"{noise.name}\n".encode("utf-8", "surrogateescape"))
    plan = f"scheme={settings.scheme}, folds={settings.folds}, start={settings.start}"
    if fold is not None:
        plan += f", validation={settings.validation}"
    told = ", ".join(map(str, how))
    return f"{plan}, {told}, recordings={digest.hexdigest()[:16]}"
