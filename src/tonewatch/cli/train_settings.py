"""What the options of `tonewatch train` ask for, as settings; it does not train."""

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tonewatch.training.material import RunSettings


class Network(StrEnum):
    """The networks by name."""

    stream_cnn = "stream_cnn"
    td_cnn_lstm = "td_cnn_lstm"
    conv1d_lstm = "conv1d_lstm"
    mfcc_cnn = "mfcc_cnn"
    stacked = "stacked"
    ssl = "ssl"
    egemaps_svm = "egemaps_svm"


def backbone_settings(network: Network, folder: Path | None, fine_tune: bool) -> dict[str, object]:
    """Settings of the network that no other has.

    Args:
        network: which.
        folder: of the pretrained network for `ssl`; None for the others.
        fine_tune: whether that network is trained too.

    Raises:
        typer.BadParameter: they do not fit the network.
    """
    if network is Network.ssl:
        if folder is None:
            raise typer.BadParameter(
                "expected the folder of a pretrained network for ssl, came none",
                param_hint="--backbone",
            )
        return {"backbone": str(folder), "fine_tune": fine_tune}
    if folder is not None or fine_tune:
        raise typer.BadParameter(
            f"expected it with --network ssl only, came {network.value}",
            param_hint="--backbone" if folder is not None else "--fine-tune",
        )
    return {}


def usual_settings(
    network: Network, given: dict[str, Any], copies: int | None, own: dict[str, object]
) -> "RunSettings":
    """How the network is trained: as usual, but for what was given.

    Args:
        network: which.
        given: settings of its training by name; None for the usual.
        copies: of each recording; None for the usual.
        own: settings of the network that no other has, from `backbone_settings`.
    """
    from tonewatch.training.augment import AugmentSettings
    from tonewatch.training.dataset import DatasetSettings
    from tonewatch.training.loop import TrainSettings
    from tonewatch.training.material import RunSettings, WindowRun
    from tonewatch.training.networks import window_network
    from tonewatch.training.window_loop import WindowTraining
    from tonewatch.training.windows import WindowSettings

    known = {name: value for name, value in given.items() if value is not None}
    usual = AugmentSettings()
    if network is Network.stream_cnn:
        augment = replace(usual, copies=copies or usual.copies)
        dataset = DatasetSettings(augment=augment, seed=given["seed"])
        return RunSettings(train=TrainSettings(**known), dataset=dataset)
    chosen = window_network(network.value, **own)
    recipe = chosen.recipe
    augment = replace(usual, copies=copies or recipe.copies)
    training = WindowTraining(
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        held_back=recipe.held_back,
    )
    windows = WindowSettings(augment=augment, seed=given["seed"])
    return RunSettings(window=WindowRun(chosen, replace(training, **known), windows))


def corpus_weights(pairs: list[str], drawn: set[str], option: str) -> dict[str, float]:
    """How often each corpus is drawn, from `NAME=W`.

    Raises:
        typer.BadParameter: it is not that, or none of the corpora `drawn`.
    """
    weights = {}
    for pair in pairs:
        corpus, _, value = pair.partition("=")
        if corpus not in drawn:
            raise typer.BadParameter(
                f"expected one of {', '.join(sorted(drawn))}, came {corpus!r}",
                param_hint=option,
            )
        try:
            weights[corpus] = float(value)
        except ValueError:
            weights[corpus] = math.nan
        if not (math.isfinite(weights[corpus]) and weights[corpus] >= 0):
            raise typer.BadParameter(
                f"expected NAME=NUMBER with a number of 0 or more, came {pair!r}",
                param_hint=option,
            )
    return weights
