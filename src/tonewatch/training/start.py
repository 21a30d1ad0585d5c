"""The networks that a run begins with, and whom they have heard.

It begins with another run, fold by fold, or with one network for every fold: a bundle's, such as
the shipped one's, or that in the folder of a fold. One that left out a corpus suits any division of
that corpus. Weights remember voices: whoever taught the network that another begins with taught
that one too, through however many runs. It reads bundles and loads no weights.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tonewatch.core.errors import TrainingError
from tonewatch.inference.bundle import is_bundle, load_bundle
from tonewatch.inference.protocol import trained_speakers

FINAL = "final"
"""The network on all speakers, and its folder."""

CHECKPOINT = "checkpoint.pt"
"""A network's weights, in the folder of its fold."""

_HEARD = ("speakers", "validation_speakers", "corpora")


def checkpoint_of(
    start: str | None,
    name: str,
    *,
    test: Collection[str] = (),
    validation: Collection[str] = (),
) -> Path | None:
    """The checkpoint or bundle to begin with, of a network that has not heard who is to judge it.

    Args:
        start: folder of the run or of one of its folds, or a bundle; None to begin from scratch.
        name: of the fold, or `FINAL`.
        test: speakers that neither taught nor judged it.
        validation: speakers that did not teach it; they may have judged it, as they will again.

    Raises:
        TrainingError: it has heard some.
    """
    if start is None:
        return None
    training = _training(start, name)
    heard = trained_speakers(training).intersection(test)
    if heard := heard | set(validation).intersection(training.get("speakers", ())):
        raise TrainingError(
            f"expected in {start} for {name} a network that has not heard "
            f"{', '.join(sorted({*test, *validation}))}, it has heard {', '.join(sorted(heard))}, "
            "or one that it began with has; start from a run with the same folds, or from a fold "
            "that left them out"
        )
    return Path(start) if is_bundle(start) else _folder(start, name) / CHECKPOINT


def with_start(training: Mapping[str, Any], start: str | None, name: str) -> dict[str, Any]:
    """What a bundle says of its training, with those whom the network that it began with heard."""
    if start is None:
        return dict(training)
    before = _training(start, name)
    heard = {key: sorted({*training.get(key, ()), *before.get(key, ())}) for key in _HEARD}
    told = {key: names for key, names in heard.items() if names}
    return {**training, **told, "protocol": f"{training['protocol']}; begun with {start}"}


def in_words(start: str) -> str:
    """What each network begins with."""
    if is_bundle(start) or _is_fold(start):
        return f"that of {start}"
    return f"that of the same fold of the run {start}"


def _is_fold(start: str) -> bool:
    return (Path(start) / CHECKPOINT).exists()


def _folder(start: str, name: str) -> Path:
    """Where the network lies that a fold, or `FINAL`, begins with."""
    return Path(start) if _is_fold(start) else Path(start) / name


def _training(start: str, name: str) -> Mapping[str, Any]:
    """Of the bundle that was made of a network."""
    if is_bundle(start):
        return load_bundle(start).info.training
    folder = _folder(start, name)
    home = folder.parent if folder.name == FINAL else folder
    return load_bundle(home / "bundle").info.training
