"""A run: every fold of a plan, from recordings to scores, and one more network on everybody.

Each fold is trained, exported and then heard through the analyser as users will hear it, clean and
through the standard telephone line. A fold's calibration comes from its inner validation speakers,
or without any from the other folds' test answers; that of the network on everybody from all folds'
test answers, each given by a network that had not heard the speaker. A finished fold is kept, so a
killed run goes on.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tonewatch.core.errors import TrainingError
from tonewatch.core.labels import scheme
from tonewatch.corpora.folds import Fold
from tonewatch.inference.bundle import is_bundle, load_bundle, write_bundle
from tonewatch.inference.scores import Predictions
from tonewatch.training.answers import (
    UNFITTED,
    among,
    calibrated,
    calibration_of,
    cross_fitted,
    fit_answers,
    fits_by_others,
    merged,
    packed,
    unpacked,
)
from tonewatch.training.calibrate import Fit
from tonewatch.training.card import card, metrics_of
from tonewatch.training.claims import claim, claim_part
from tonewatch.training.hearing import hear
from tonewatch.training.learn import Learnt, learn_from, write_learnt
from tonewatch.training.loop import Epoch
from tonewatch.training.material import Material, RunSettings, folds_of
from tonewatch.training.provenance import (
    hardware,
    notes_of,
    protocol_of,
    settings_of,
    window_s,
)
from tonewatch.training.report import FoldResult, RunReport, write_report
from tonewatch.training.start import CHECKPOINT, FINAL, checkpoint_of, with_start
from tonewatch.training.unfold import checkpoint_from


class _Tested(NamedTuple):
    """One fold's result, its test answers before calibration, and what calibrated them."""

    result: FoldResult
    answers: dict[str, Predictions]
    fit: Fit


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
    tested = []
    for fold in folds_of(material.labelled, settings):
        on_start(fold.name, settings.members * settings.training.epochs)
        tested.append(_fold(material, fold, settings, out / fold.name, resume, on_epoch))
    if not settings.validation:
        tested = _calibrated_by_others(tested, material, settings, out)
    report = RunReport(
        title=f"{settings.name}: {settings.folds}",
        labels=scheme(settings.scheme).labels,
        protocol=protocol_of(material, settings, leaky=any(fold.result.leaky for fold in tested)),
        folds=[fold.result for fold in tested],
        settings=settings_of(settings),
        hardware=hardware(settings.device),
        notes=notes_of(material),
    )
    write_report(out, report)
    if settings.final:
        on_start(FINAL, settings.members * settings.training.epochs)
        _final(material, settings, out, report, tested, resume, on_epoch)
    return report


def run_part(
    material: Material,
    settings: RunSettings,
    out: Path,
    part: str,
    *,
    resume: bool = False,
    on_start: Callable[[str, int], None] = lambda name, epochs: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> None:
    """Train one part of a run; `run` with `resume` puts together what parts are there.

    Parts of one run may be trained at once, by several processes or machines with the same `out`.

    Args:
        material: from `gather`.
        settings: of the run, the same for all parts.
        out: folder of the run.
        part: number of a fold from 1, or `final` for the network on all speakers.
        resume: go on with the part if it was under way.
        on_start: called with the network's name and number of epochs.
        on_epoch: called after every epoch.

    Raises:
        TrainingError: the run has no such part, or the part was begun and `resume` was not asked
            for.
    """
    folds = folds_of(material.labelled, settings)
    numbers = {str(number): fold for number, fold in enumerate(folds, 1)}
    if part not in numbers and not (part == FINAL and settings.final):
        known = [*numbers, *([FINAL] if settings.final else [])]
        raise TrainingError(f"expected a part among {', '.join(known)}, came {part!r}")
    fold = numbers.get(part)
    name = fold.name if fold is not None else FINAL
    claim(out / name, resume=resume)
    on_start(name, settings.members * settings.training.epochs)
    if fold is not None:
        _fold(material, fold, settings, out / name, resume, on_epoch)
    else:
        _train_final(material, settings, out, resume, on_epoch)


def _fold(
    material: Material,
    fold: Fold,
    settings: RunSettings,
    folder: Path,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> _Tested:
    claim_part(folder, material, settings, fold)
    done = folder / "fold.json"
    if not done.exists():
        started = time.monotonic()
        learn = [*fold.train, *range(material.n_labelled, len(material.utterances))]
        start = checkpoint_of(
            settings.start,
            fold.name,
            test=material.speakers(fold.test),
            validation=material.speakers(fold.validation),
        )
        trained = _train(
            material, learn, fold.validation, settings, folder, start, resume, on_epoch
        )
        seconds = sum(epoch.seconds for epoch in trained.history)
        _export(trained, material, settings, folder / "bundle", settings.scheme, {})
        validation = hear(material, fold.validation, folder / "bundle", settings)
        found = fit_answers(validation, _taught(material, settings))
        test = hear(material, fold.test, folder / "bundle", settings)
        training = {
            "protocol": fold.protocol,
            "speakers": material.speakers(fold.train),
            "validation_speakers": material.speakers(fold.validation),
        }
        training = with_start(training, settings.start, fold.name)
        _export(trained, material, settings, folder / "bundle", settings.scheme, training, found)
        np.savez_compressed(folder / "answers.npz", **packed(test))  # type: ignore[arg-type]
        history = [asdict(epoch) for epoch in trained.history]
        content = {
            "fit": asdict(found),
            "history": history,
            "best_epoch": trained.best_epoch,
            "seconds": seconds,
            "with_tests_s": time.monotonic() - started,
        }
        _keep(done, content)
    saved = json.loads(done.read_text())
    answers = unpacked(np.load(folder / "answers.npz"))
    result = FoldResult(
        name=fold.name,
        protocol=fold.protocol,
        leaky=fold.leaky,
        history=[Epoch(**epoch) for epoch in saved["history"]],
        best_epoch=saved["best_epoch"],
        seconds=saved["seconds"],
        test={},
    )
    return _tested(result, answers, Fit(**saved["fit"]))


def _tested(result: FoldResult, answers: dict[str, Predictions], found: Fit) -> _Tested:
    test = {name: calibrated(part, found) for name, part in answers.items()}
    return _Tested(replace(result, test=test), answers, found)


def _calibrated_by_others(
    tested: Sequence[_Tested], material: Material, settings: RunSettings, out: Path
) -> list[_Tested]:
    """Folds without validation speakers, with their fits kept where those of others are."""
    done = []
    fits = fits_by_others([fold.answers for fold in tested], _taught(material, settings))
    for fold, found in zip(tested, fits, strict=True):
        folder = out / fold.result.name
        kept = json.loads((folder / "fold.json").read_text())
        _keep(folder / "fold.json", kept | {"fit": asdict(found)})
        bundle = load_bundle(folder / "bundle")
        calibration = calibration_of(found, bundle.info.labels, material.untaught)
        info = replace(bundle.info, calibration=calibration)
        write_bundle(replace(bundle, info=info), folder / "bundle")
        done.append(_tested(fold.result, fold.answers, found))
    return done


def _keep(file: Path, content: Mapping[str, Any]) -> None:
    """Write beside and rename: a fold whose file is there counts as done."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1))
    part.replace(file)


def _final(
    material: Material,
    settings: RunSettings,
    out: Path,
    report: RunReport,
    tested: Sequence[_Tested],
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """The network on all speakers, calibrated by the folds' test answers."""
    trained = _train_final(material, settings, out, resume, on_epoch)
    bundle_scheme = settings.bundle_scheme or settings.scheme
    kept = scheme(bundle_scheme).labels
    answers = [
        {name: few for name, part in fold.answers.items() if len(few := among(part, kept))}
        for fold in tested
    ]
    report = _among(report, kept, tested, answers)
    taught = _taught(material, settings)
    calibration = cross_fitted(answers, [fold.fit for fold in tested], taught)
    training = {
        "protocol": f"all speakers; scores are those of the folds ({report.protocol})",
        "corpora": list(material.groups),
        "speakers": material.speakers(range(material.n_labelled)),
        "epochs": len(trained.history),
        "seconds": sum(epoch.seconds for epoch in trained.history),
        "hardware": report.hardware,
        "seed": settings.training.seed,
    }
    training = with_start(training, settings.start, FINAL)
    found = fit_answers(merged(answers), taught)
    whose = "known voices (leaky)" if report.leaky else "speakers not trained on"
    _export(
        trained,
        material,
        settings,
        out / "bundle",
        bundle_scheme,
        training,
        found,
        metrics=metrics_of(report) | {f"calibration on {whose}": calibration},
        card=card(
            report,
            settings.name,
            taught,
            found,
            calibration,
            settings.licence,
            window_s(settings),
        ),
    )


def _taught(material: Material, settings: RunSettings) -> list[str]:
    """The labels that the bundle answers."""
    labels = scheme(settings.bundle_scheme or settings.scheme).labels
    return [label for label in labels if label not in material.untaught]


def _among(
    report: RunReport,
    kept: tuple[str, ...],
    tested: Sequence[_Tested],
    answers: Sequence[Mapping[str, Predictions]],
) -> RunReport:
    """The report as far as it is about the labels that the bundle has."""
    lost = ", ".join(label for label in report.labels if label not in kept)
    said = (
        f" The networks tested also know {lost}: recordings of that are left out here, and answers "
        "are among the other labels."
    )
    folds = [
        replace(fold.result, test={name: calibrated(part, fold.fit) for name, part in few.items()})
        for fold, few in zip(tested, answers, strict=True)
        if few
    ]
    protocol = report.protocol + (said if lost else "")
    return replace(report, labels=kept, protocol=protocol, folds=folds)


def _train_final(
    material: Material,
    settings: RunSettings,
    out: Path,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> Learnt:
    folder = out / FINAL
    claim_part(folder, material, settings, None)
    everybody = range(len(material.utterances))
    start = checkpoint_of(settings.start, FINAL)
    return _train(material, everybody, (), settings, folder, start, resume, on_epoch)


def _train(
    material: Material,
    learn: Sequence[int],
    validate: Sequence[int],
    settings: RunSettings,
    folder: Path,
    start: Path | None,
    resume: bool,
    on_epoch: Callable[[Epoch], None],
) -> Learnt:
    learn = material.usable(learn)
    if start is not None and is_bundle(start):
        bundle = load_bundle(start)
        start = checkpoint_from(bundle, material, learn, settings, folder / "start.pt")
    return learn_from(
        material,
        learn,
        material.usable(validate),
        settings,
        folder / CHECKPOINT,
        start=start,
        resume=resume,
        on_epoch=on_epoch,
    )


def _export(
    trained: Learnt,
    material: Material,
    settings: RunSettings,
    folder: Path,
    bundle_scheme: str,
    training: Mapping[str, Any],
    found: Fit = UNFITTED,
    *,
    metrics: Mapping[str, Any] | None = None,
    card: str = "",
) -> None:
    labels = scheme(bundle_scheme).labels
    write_learnt(
        trained,
        settings,
        folder,
        name=settings.name,
        version=settings.version,
        scheme=scheme(bundle_scheme).name,
        trained_labels=scheme(settings.scheme).labels,
        labels=labels,
        calibration=calibration_of(found, labels, material.untaught),
        languages=sorted({u.language for u in material.utterances if u.language}),
        training=training,
        metrics=metrics,
        licence=settings.licence,
        card=card,
    )
