"""A run: every fold of a plan, from recordings to scores, and one more network on everybody.

Each fold is trained, exported and then heard through the analyser as users will hear it, clean and
through the standard telephone line. A fold's temperature and threshold come from its inner
validation speakers; those of the network on everybody from all folds' test answers, each given by
a network that had not heard the speaker. A finished fold is kept, so a killed run goes on.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.core.labels import SCHEMES, scheme
from tonewatch.corpora.folds import Fold, parse_folds
from tonewatch.corpora.table import Table, Utterance
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.evaluation import ChannelSim, evaluate
from tonewatch.inference.scores import Predictions, joined, reliability, uar
from tonewatch.training.batches import Labelling
from tonewatch.training.calibrate import Fit, fit, sharpen
from tonewatch.training.card import card, metrics_of
from tonewatch.training.dataset import Dataset, DatasetSettings, build
from tonewatch.training.export import export
from tonewatch.training.loop import Epoch, Trained, TrainSettings, train
from tonewatch.training.report import FoldResult, RunReport, write_report

CONDITIONS: Mapping[str, ChannelSim | None] = {"clean": None, "telephone": "telephone"}
"""How every test recording is heard."""

FRAMES = "frames"
"""The folder of frames in a run's folder, where no other cache is named."""

# The probabilities as they are, and the threshold of a bundle that says nothing.
_UNFITTED = Fit(
    temperature=1.0,
    threshold=Calibration().certain_threshold,
    certain_share=0.0,
    certain_error=1.0,
    n=0,
)


@dataclass(frozen=True)
class RunSettings:
    """What is trained on what.

    Attributes:
        name: of the bundle.
        scheme: labels that the network learns.
        bundle_scheme: labels that the bundle has, all of them among the learnt ones.
        folds: `speaker:5`, `corpus` or `random:5`.
        first_folds: train and test only so many of the folds; None for all.
        final: train one more network on all speakers and write it as `bundle`.
        version: of the bundle.
        licence: of its weights.
        device: `cpu` or `cuda`.
        jobs: processes for features and tests.
        train: how a network is trained.
        dataset: features and copies.
    """

    name: str = "mine"
    scheme: str = "ravdess8"
    bundle_scheme: str | None = None
    folds: str = "speaker:5"
    first_folds: int | None = None
    final: bool = True
    version: str = "1"
    licence: str = ""
    device: str = "cpu"
    jobs: int = 2
    train: TrainSettings = field(default_factory=TrainSettings)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)


@dataclass(frozen=True)
class Material:
    """Recordings, their frames and their answers.

    Attributes:
        utterances: labelled ones first, in the order of the folds' numbers, then unlabelled ones.
        n_labelled: how many are labelled.
        groups: names of the corpora, song apart from speech.
        left_out: recordings without a label in the scheme, by emotion word.
    """

    utterances: tuple[Utterance, ...]
    n_labelled: int
    groups: tuple[str, ...]
    labelling: Labelling
    dataset: Dataset
    left_out: Mapping[str, int]

    def group(self, index: int) -> str:
        """Name of the group of one recording."""
        return self.groups[int(self.labelling.corpus[index])]

    def usable(self, chosen: Sequence[int]) -> list[int]:
        """Those of `chosen` whose sound could be read."""
        return [i for i in chosen if self.dataset.length[i, 0] > 0]


def group_of(utterance: Utterance) -> str:
    """The corpus, with another channel than speech (RAVDESS's song) as a corpus of its own."""
    channel = utterance.extra.get("channel", "speech")
    return utterance.corpus if channel == "speech" else f"{utterance.corpus}_{channel}"


def claim(out: Path, *, resume: bool) -> None:
    """Make the folder of a run; frames may lie in it already.

    Raises:
        TrainingError: `out` has a run and `resume` was not asked for.
    """
    if not resume and out.exists() and any(path.name != FRAMES for path in out.iterdir()):
        raise TrainingError(f"expected an empty folder, came {out}; add --resume or choose another")
    out.mkdir(parents=True, exist_ok=True)


def gather(
    table: Table, unlabelled: Table, noise: Table, settings: RunSettings, cache: Path
) -> Material:
    """Label the recordings, and make or open their frames.

    Args:
        table: labelled corpora.
        unlabelled: speech for the speech head alone.
        noise: sounds to mix in, and for the speech head to learn what is not speech.
        settings: of the run.
        cache: folder for frames.

    Raises:
        TrainingError: nothing in `table` has a label of the scheme.
        SettingsError: the bundle is to have labels that are not learnt.
    """
    labels = scheme(settings.scheme).labels
    kept = scheme(settings.bundle_scheme or settings.scheme).labels
    if strange := [label for label in kept if label not in labels]:
        raise SettingsError(
            f"expected a bundle's labels among those of {settings.scheme} ({', '.join(labels)}), "
            f"{settings.bundle_scheme} has {', '.join(strange)} too; choose another scheme"
        )
    labelled = table.labelled(scheme(settings.scheme))
    if not labelled.utterances:
        raise TrainingError(
            f"expected recordings with labels of {settings.scheme} ({', '.join(labels)}), came "
            f"{dict(labelled.left_out) or 'none'}; choose another scheme or corpus"
        )
    # Babble is speech, though nobody can be understood: it is mixed in, not taught as silence.
    silent = [u for u in noise.utterances if "babble" not in u.path.name]
    utterances = (*labelled.utterances, *unlabelled.utterances, *silent)
    groups = tuple(sorted({group_of(u) for u in utterances}))
    corpus = np.array([groups.index(group_of(u)) for u in utterances])
    target = np.full(len(utterances), -1, np.int64)
    target[: len(labelled.labels)] = [labels.index(label) for label in labelled.labels]
    allowed = np.zeros((len(groups), len(labels)), bool)
    allowed[corpus[target >= 0], target[target >= 0]] = True
    noises = [u.path for u in noise.utterances]
    dataset = build(utterances, noises, settings.dataset, cache, jobs=settings.jobs)
    return Material(
        utterances,
        len(labelled.utterances),
        groups,
        Labelling(target, corpus, allowed),
        dataset,
        labelled.left_out,
    )


def run(
    material: Material,
    settings: RunSettings,
    out: Path,
    *,
    resume: bool = False,
    on_start: Callable[[str, int], None] = lambda name, epochs: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> RunReport:
    """Train and test all folds, write the report and the bundle.

    Args:
        material: from `gather`.
        settings: of the run.
        out: folder; gets `FOLD/`, `report.html`, `report.json`, pictures, and `bundle/`.
        resume: keep finished folds, and go on with the one that was under way.
        on_start: called with each network's name and number of epochs.
        on_epoch: called after every epoch.

    Raises:
        TrainingError: `out` has a run and `resume` was not asked for.
    """
    claim(out, resume=resume)
    labelled = material.utterances[: material.n_labelled]
    plan = parse_folds(settings.folds)
    results, raw = [], []
    for fold in plan.folds(labelled, seed=settings.train.seed)[: settings.first_folds]:
        on_start(fold.name, settings.train.epochs)
        result, answers = _fold(material, fold, settings, out / fold.name, resume, on_epoch)
        results.append(result)
        raw.append(answers)
    report = RunReport(
        title=f"{settings.name}: {settings.folds}",
        labels=scheme(settings.scheme).labels,
        protocol=_protocol(material, settings),
        folds=results,
        settings=asdict(settings),
        hardware=_hardware(settings.device),
        notes=_notes(material),
    )
    write_report(out, report)
    if settings.final:
        on_start("final", settings.train.epochs)
        _final(material, settings, out, report, raw, resume, on_epoch)
    return report


def _fold(
    material: Material,
    fold: Fold,
    settings: RunSettings,
    folder: Path,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> tuple[FoldResult, dict[str, Predictions]]:
    """One fold's result, and its test answers before calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "fold.json"
    wanted = str((settings.scheme, settings.folds, settings.train, settings.dataset))
    if not done.exists():
        started = time.monotonic()
        learn = [*fold.train, *range(material.n_labelled, len(material.utterances))]
        trained = _train(material, learn, fold.validation, settings, folder, resume, on_epoch)
        seconds = sum(epoch.seconds for epoch in trained.history)
        _export(trained, settings, folder / "bundle", settings.scheme, {})
        validation = _hear(material, fold.validation, folder / "bundle", settings)
        found = _fit(validation)
        test = _hear(material, fold.test, folder / "bundle", settings)
        training = {"protocol": fold.protocol, "speakers": _speakers(material, fold.train)}
        _export(trained, settings, folder / "bundle", settings.scheme, training, found)
        np.savez_compressed(folder / "answers.npz", **_packed(test))  # type: ignore[arg-type]
        history = [asdict(epoch) for epoch in trained.history]
        content = {
            "settings": wanted,
            "fit": asdict(found),
            "history": history,
            "best_epoch": trained.best_epoch,
            "seconds": seconds,
            "with_tests_s": time.monotonic() - started,
        }
        done.write_text(json.dumps(content, indent=1))
    saved = json.loads(done.read_text())
    if saved.get("settings", wanted) != wanted:
        raise TrainingError(
            f"expected to resume with the settings of {done}, {saved['settings']}, came {wanted}; "
            "use the same, or another folder"
        )
    answers = _unpacked(np.load(folder / "answers.npz"))
    found = Fit(**saved["fit"])
    result = FoldResult(
        name=fold.name,
        protocol=fold.protocol,
        leaky=fold.leaky,
        history=[Epoch(**epoch) for epoch in saved["history"]],
        best_epoch=saved["best_epoch"],
        seconds=saved["seconds"],
        test={name: calibrated(part, found) for name, part in answers.items()},
    )
    return result, answers


def _final(
    material: Material,
    settings: RunSettings,
    out: Path,
    report: RunReport,
    raw: Sequence[Mapping[str, Predictions]],
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """The network on all speakers, calibrated by the folds' test answers."""
    folder = out / "final"
    folder.mkdir(exist_ok=True)
    everybody = range(len(material.utterances))
    trained = _train(material, everybody, (), settings, folder, resume, on_epoch)
    bundle_scheme = settings.bundle_scheme or settings.scheme
    kept = scheme(bundle_scheme).labels
    answers = [{name: _among(part, kept) for name, part in fold.items()} for fold in raw]
    calibration = cross_fitted(answers)
    training = {
        "protocol": f"all speakers; scores are those of the folds ({report.protocol})",
        "corpora": list(material.groups),
        "speakers": _speakers(material, range(material.n_labelled)),
        "epochs": len(trained.history),
        "seconds": sum(epoch.seconds for epoch in trained.history),
        "hardware": report.hardware,
        "seed": settings.train.seed,
    }
    found = _fit(_merged(answers))
    _export(
        trained,
        settings,
        out / "bundle",
        bundle_scheme,
        training,
        found,
        metrics=metrics_of(report) | {"calibration on speakers not trained on": calibration},
        card=card(report, settings.name, kept, found, calibration, settings.licence),
    )


def _train(
    material: Material,
    learn: Sequence[int],
    validate: Sequence[int],
    settings: RunSettings,
    folder: Path,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> Trained:
    return train(
        material.dataset,
        material.labelling,
        material.groups,
        material.usable(learn),
        material.usable(validate),
        settings.train,
        folder / "checkpoint.pt",
        device=settings.device,
        resume=resume,
        on_epoch=on_epoch,
    )


def _export(
    trained: Trained,
    settings: RunSettings,
    folder: Path,
    bundle_scheme: str,
    training: Mapping[str, Any],
    found: Fit | None = None,
    *,
    metrics: Mapping[str, Any] | None = None,
    card: str = "",
) -> None:
    calibration = Calibration()
    if found is not None and found.n:
        calibration = Calibration(
            temperature=found.temperature,
            certain_threshold=found.threshold,
            certain_error=found.certain_error,
        )
    export(
        trained.network.cpu(),
        folder,
        name=settings.name,
        version=settings.version,
        scheme=scheme(bundle_scheme).name,
        trained_labels=scheme(settings.scheme).labels,
        labels=scheme(bundle_scheme).labels,
        features=settings.dataset.features,
        calibration=calibration,
        training=training,
        metrics=metrics,
        licence=settings.licence,
        card=card,
    )


def _hear(
    material: Material, chosen: Sequence[int], bundle: Path, settings: RunSettings
) -> dict[str, Predictions]:
    """Answers of a bundle by group and condition; the largest groups of the plan come first."""
    loaded = load_bundle(bundle)
    names = np.array(loaded.info.labels)
    by_group: dict[str, list[Utterance]] = {}
    for index in material.usable(chosen):
        utterance = material.utterances[index]
        if settings.scheme not in SCHEMES:  # a bundle knows the labels of one's own, not the words
            utterance = replace(utterance, emotion=str(names[material.labelling.target[index]]))
        by_group.setdefault(material.group(index), []).append(utterance)
    found = {}
    for group in sorted(by_group, key=lambda name: (name != "ravdess", name)):
        known = names[material.labelling.allowed[material.groups.index(group)]]
        for condition, channel_sim in CONDITIONS.items():
            heard = evaluate(
                loaded,
                Table(tuple(by_group[group])),
                channel_sim=channel_sim,
                labels=known.tolist(),
                jobs=settings.jobs,
            )
            found[f"{group}, {condition}"] = heard.predictions
    return found


def _fit(answers: Mapping[str, Predictions]) -> Fit:
    """Calibrate on all groups and conditions, each counting the same; not at all on no answer."""
    parts = [part.rows(part.answered) for part in answers.values()]
    parts = [part for part in parts if len(part)]
    if not parts:
        return _UNFITTED
    together = joined(parts)
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in parts])
    return fit(together.probabilities, together.target, weights)


def calibrated(predictions: Predictions, found: Fit) -> Predictions:
    """The answers as a bundle with this calibration gives them."""
    probabilities = predictions.probabilities.copy()
    answered = predictions.answered
    if answered.any():
        probabilities[answered] = sharpen(probabilities[answered], found.temperature)
    certain = answered & (probabilities.max(axis=1) >= found.threshold)
    return replace(predictions, probabilities=probabilities, certain=certain)


def cross_fitted(folds: Sequence[Mapping[str, Predictions]]) -> dict[str, dict[str, float]]:
    """How calibration holds on new speakers: fitted on all folds but one, applied to that one."""
    applied: dict[str, list[Predictions]] = {}
    for number, fold in enumerate(folds):
        others = [other for i, other in enumerate(folds) if i != number] or [fold]
        found = _fit(_merged(others))
        for name, part in fold.items():
            applied.setdefault(name, []).append(calibrated(part, found))
    return {name: _certainty(joined(parts)) for name, parts in applied.items()}


def _certainty(predictions: Predictions) -> dict[str, float]:
    certain = predictions.certain
    return {
        "uar": uar(predictions),
        "ece": reliability(predictions).ece,
        "certain_share": float(certain.mean()),
        "certain_accuracy": float(predictions.right[certain].mean()) if certain.any() else 0.0,
    }


def _merged(folds: Sequence[Mapping[str, Predictions]]) -> dict[str, Predictions]:
    names = dict.fromkeys(name for fold in folds for name in fold)
    return {name: joined([fold[name] for fold in folds if name in fold]) for name in names}


def _among(predictions: Predictions, labels: Sequence[str]) -> Predictions:
    """The answers among fewer labels; recordings of the other labels are left out."""
    columns = [predictions.labels.index(label) for label in labels]
    kept = predictions.rows(np.isin(predictions.target, columns))
    probabilities = kept.probabilities[:, columns]
    total = probabilities.sum(axis=1, keepdims=True)
    probabilities = np.divide(probabilities, total, out=probabilities.copy(), where=total > 0)
    target = np.array([columns.index(value) for value in kept.target.tolist()], np.int64)
    return replace(kept, labels=tuple(labels), probabilities=probabilities, target=target)


def _speakers(material: Material, chosen: Sequence[int]) -> list[str]:
    return sorted({material.utterances[i].speaker for i in chosen})


def _packed(answers: Mapping[str, Predictions]) -> dict[str, NDArray[Any]]:
    packed: dict[str, NDArray[Any]] = {}
    for name, part in answers.items():
        for key, value in vars(part).items():
            plain = [entry or "" for entry in value] if isinstance(value, tuple) else value
            packed[f"{name}/{key}"] = np.asarray(plain)
    return packed


def _unpacked(packed: Mapping[str, NDArray[Any]]) -> dict[str, Predictions]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in packed.items():
        condition, _, key = name.rpartition("/")
        text = value.dtype.kind == "U"
        plain = tuple(entry or None for entry in value.tolist()) if text else value
        found.setdefault(condition, {})[key] = plain
    return {name: Predictions(**values) for name, values in found.items()}


def _protocol(material: Material, settings: RunSettings) -> str:
    counts = {
        group: sum(material.group(i) == group for i in range(len(material.utterances)))
        for group in material.groups
    }
    listed = ", ".join(f"{group} ({count})" for group, count in counts.items())
    only = f", of which only the first {settings.first_folds}" if settings.first_folds else ""
    return (
        f"Folds {settings.folds}{only} over {listed}. Acted speech. Each test recording is heard "
        "whole, through the exported bundle and the analyser (3 s windows, 1 s hop), clean and "
        "through a telephone line (8 kHz u-law, 300-3400 Hz, white noise at 20 dB SNR). Labels "
        "that a corpus lacks are left out of its answers. Checkpoint, temperature and threshold of "
        "'certain' come from inner validation speakers, who are neither trained on nor tested."
    )


def _notes(material: Material) -> list[str]:
    notes = [
        f"left out, no label in the scheme: {word} ({n})"
        for word, n in sorted(material.left_out.items())
    ]
    return [*notes, *material.dataset.problems]


def _hardware(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{os.cpu_count()} CPU cores ({model})"
