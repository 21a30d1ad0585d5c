"""What a fold's bundle answers to recordings, heard as users hear them: through the analyser.

It neither trains nor scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from tonewatch.core.labels import SCHEMES
from tonewatch.corpora.table import Table, Utterance
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.evaluation import ChannelSim, evaluate
from tonewatch.inference.scores import Predictions
from tonewatch.training.material import Material, RunSettings

CONDITIONS: Mapping[str, ChannelSim | None] = {"clean": None, "telephone": "telephone"}
"""How every test recording is heard."""


def hear(
    material: Material, chosen: Sequence[int], bundle: Path, settings: RunSettings
) -> dict[str, Predictions]:
    """Answers of a bundle by group and condition (`ravdess, clean`), with a progress bar.

    RAVDESS comes first, as it has all labels.

    Args:
        material: the run's.
        chosen: indices of the recordings.
        bundle: folder of the bundle.
        settings: of the run.
    """
    loaded = load_bundle(bundle)
    names = np.array(loaded.info.labels)
    by_group: dict[str, list[Utterance]] = {}
    for index in material.usable(chosen):
        utterance = material.utterances[index]
        if settings.scheme not in SCHEMES:  # a bundle knows the labels of one's own, not the words
            utterance = replace(utterance, emotion=str(names[material.labelling.target[index]]))
        by_group.setdefault(material.group(index), []).append(utterance)
    found = {}
    with Progress(console=Console(stderr=True), disable=not by_group) as bar:
        total = len(CONDITIONS) * sum(map(len, by_group.values()))
        task = bar.add_task("hearing recordings through the bundle", total=total)
        for group in sorted(by_group, key=lambda name: (name != "ravdess", name)):
            known = names[material.labelling.allowed[material.groups.index(group)]]
            for condition, channel_sim in CONDITIONS.items():
                heard = evaluate(
                    loaded,
                    Table(tuple(by_group[group])),
                    channel_sim=channel_sim,
                    labels=known.tolist(),
                    jobs=settings.jobs,
                    on_file=lambda: bar.advance(task),
                )
                found[f"{group}, {condition}"] = heard.predictions
    return found
