"""The networks of another run that a run begins with, and whom they have heard.

Weights remember voices: whoever taught the network that another begins with taught that one too,
through however many runs. It reads bundles and loads no weights.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tonewatch.core.errors import TrainingError
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.protocol import trained_speakers

FINAL = "final"
"""The network on all speakers, and its folder."""

_HEARD = ("speakers", "validation_speakers", "corpora")


def checkpoint_of(
    start: str | None,
    name: str,
    *,
    test: Collection[str] = (),
    validation: Collection[str] = (),
) -> Path | None:
    """The checkpoint to begin with, of a network that has not heard who is to judge it.

    Args:
        start: folder of the run, where there is one.
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
            f"expected in {Path(start) / name} a network that has not heard "
            f"{', '.join(sorted({*test, *validation}))}, it has heard {', '.join(sorted(heard))}, "
            "or one that it began with has; start from a run with the same folds"
        )
    return Path(start) / name / "checkpoint.pt"


def with_start(training: Mapping[str, Any], start: str | None, name: str) -> dict[str, Any]:
    """What a bundle says of its training, with those whom the network that it began with heard."""
    if start is None:
        return dict(training)
    before = _training(start, name)
    heard = {key: sorted({*training.get(key, ()), *before.get(key, ())}) for key in _HEARD}
    told = {key: names for key, names in heard.items() if names}
    return {**training, **told, "protocol": f"{training['protocol']}; begun with {start}"}


def _training(start: str, name: str) -> Mapping[str, Any]:
    """Of the bundle that was made of a network."""
    folder = Path(start) if name == FINAL else Path(start) / name
    return load_bundle(folder / "bundle").info.training
