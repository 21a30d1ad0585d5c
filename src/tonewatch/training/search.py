"""Search for settings: many short trainings, judged by inner validation speakers.

Each trial trains on the training side of the first fold and is worth its UAR on the inner
validation speakers at the epoch kept (`loop`), the mean of clean and telephone speech. The test
side of that fold is not heard; those of the other folds are among what was. Trials are drawn by TPE
(Bergstra and others, NeurIPS 2011) as Optuna has it, and one that diverges, or whose epochs stay
under the median of the others', is pruned. All is kept in a journal, so that a killed search goes
on. It does not know corpora or files of audio.
"""

import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.corpora.folds import Fold
from tonewatch.training.claims import begun_with
from tonewatch.training.differences import told_apart
from tonewatch.training.learn import learn_from
from tonewatch.training.loop import Epoch
from tonewatch.training.material import Material, RunSettings, folds_of
from tonewatch.training.networks.port import Solved
from tonewatch.training.overrides import settable, with_settings
from tonewatch.training.validation import askable

JOURNAL = "search.journal"
"""What a killed search goes on from, in the search's folder."""

_KEPT_FRAMES = ("dataset.", "augment.", "features.")


@dataclass(frozen=True)
class Range:
    """Where a setting is looked for, from `low` to `high`; `log` for even steps of factors."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SettingsError(f"expected a range from low to high, came {self.low}, {self.high}")
        if self.log and self.low <= 0:
            raise SettingsError(f"expected a range above 0 for log, came {self.low}")


def _usual() -> Mapping[str, Range]:
    return {
        "train.learning_rate": Range(5e-4, 6e-3, log=True),
        "train.weight_decay": Range(3e-3, 0.2, log=True),
        "train.smoothing": Range(0.0, 0.2),
        "train.mixup": Range(0.0, 0.6),
        "network.dropout": Range(0.1, 0.5),
        "batch.bands": Range(0, 14),
        "batch.times": Range(0, 40),
        "batch.warp": Range(0.0, 0.15),
        "batch.tempo": Range(0.0, 0.2),
    }


@dataclass(frozen=True)
class SearchSpace:
    """What is searched: names as for `--set`, each with its range.

    Settings that frames are made by are not: every trial would make all frames anew.
    """

    ranges: Mapping[str, Range] = field(default_factory=_usual)

    def __post_init__(self) -> None:
        slow = [name for name in self.ranges if name.startswith(_KEPT_FRAMES)]
        if slow or not self.ranges:
            raise SettingsError(
                "expected settings that frames do not depend on (train, batch, network), came "
                f"{', '.join(slow) or 'none'}; compare those by runs of their own"
            )

    @classmethod
    def from_toml(cls, path: Path) -> "SearchSpace":
        """Read lines like `"batch.warp" = { low = 0.0, high = 0.2 }`.

        Raises:
            SettingsError: it cannot be read, or a range does not fit.
        """
        try:
            table = tomllib.loads(path.read_text("utf-8"))
            return cls({name: Range(**values) for name, values in table.items()})
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(
                f'expected in {path} lines like "batch.warp" = {{ low = 0.0, high = 0.2 }}, came: '
                f"{error}"
            ) from error


def space_of(settings: RunSettings, file: Path | None = None) -> SearchSpace:
    """What to search for the network of a run.

    Args:
        settings: of the run.
        file: a space in TOML; without one it is the usual, as far as the network has its settings.

    Raises:
        SettingsError: the network is not trained by steps, or the file cannot be read or has a
            setting that the network lacks.
    """
    known = settable(settings)
    if file is not None:
        space = SearchSpace.from_toml(file)
    else:
        space = SearchSpace({name: each for name, each in _usual().items() if name in known})
    _fits(space, settings)
    return space


@dataclass(frozen=True)
class Trial:
    """One finished trial.

    Attributes:
        number: from 0.
        pairs: its settings, as for `--set`.
        uar: on the validation speakers; None where it was pruned.
        epochs: how many it had.
        best: UAR of the best trial so far; None if there is none.
    """

    number: int
    pairs: tuple[str, ...]
    uar: float | None
    epochs: int
    best: float | None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        pairs: the best settings, as for `--set`.
        uar: theirs, on the validation speakers of the fold.
        trials: finished ones, pruned ones among them.
        pruned: how many were pruned.
        fold: whose validation speakers judged.
    """

    pairs: tuple[str, ...]
    uar: float
    trials: int
    pruned: int
    fold: str

    def to_dict(self) -> dict[str, Any]:
        """What `search.json` holds."""
        return {
            "set": list(self.pairs),
            "validation_uar": self.uar,
            "trials": self.trials,
            "pruned": self.pruned,
            "fold": self.fold,
            "judged_on": f"inner validation speakers of {self.fold}",
            "unheard": f"the test side of {self.fold} alone; quote that fold of a run with these "
            "settings, or speakers kept aside",
        }


def search(
    material: Material,
    settings: RunSettings,
    space: SearchSpace,
    out: Path,
    n_trials: int,
    *,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Found:
    """Search until the journal in `out` has `n_trials` trials; write `search.json` there.

    Args:
        material: from `gather`.
        settings: what is not searched; of the folds the first judges.
        space: what is.
        out: folder; gets the journal and the result.
        n_trials: finished or pruned trials, those of an earlier call counted.
        on_trial: called after each.
        on_epoch: called after every epoch.

    Raises:
        SettingsError: a name does not fit the network, or it is not trained by steps.
        TrainingError: the fold spares no speakers for validation, the journal is of another
            search, or every trial was pruned.
    """
    _fits(space, settings)
    fold = _first_fold(material, settings)
    out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(out / JOURNAL)))
    study = optuna.create_study(
        study_name="tonewatch",
        storage=storage,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3),
    )
    _same_search(study, f"{begun_with(material, settings, fold)}, {space}")
    # A search that goes on must not draw again what it drew before.
    seed = settings.training.seed + len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=seed)

    def objective(trial: optuna.Trial) -> float:
        pairs = _draw(trial, space, settings)
        trial.set_user_attr("pairs", list(pairs))
        return _judge(trial, material, fold, with_settings(settings, pairs), out, on_epoch)

    def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        done = [t for t in study.trials if t.value is not None and t.state.name == "COMPLETE"]
        on_trial(
            Trial(
                trial.number,
                tuple(trial.user_attrs["pairs"]),
                trial.value if trial.state.name == "COMPLETE" else None,
                len(trial.intermediate_values),
                max((float(t.value or 0) for t in done), default=None),
            )
        )

    while (left := n_trials - len(_ended(study))) > 0:
        study.optimize(objective, n_trials=left, callbacks=[tell])
    complete = [t for t in study.trials if t.state.name == "COMPLETE"]
    if not complete:
        raise TrainingError(
            f"expected one of {n_trials} trials to be trained to its end, all were pruned or "
            "broken off; ask for more"
        )
    best = study.best_trial
    found = Found(
        pairs=tuple(best.user_attrs["pairs"]),
        uar=float(study.best_value),
        trials=len(_ended(study)),
        pruned=len(_ended(study)) - len(complete),
        fold=fold.name,
    )
    (out / "search.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n", "utf-8")
    return found


def _fits(space: SearchSpace, settings: RunSettings) -> None:
    if settings.window is not None and isinstance(settings.window.network, Solved):
        raise SettingsError(
            f"expected a network that is trained by steps, came {settings.network}, which is "
            "solved at once; compare its settings by runs of their own (--set)"
        )
    known = settable(settings)
    if strange := [name for name in space.ranges if name not in known]:
        raise SettingsError(
            f"expected settings of {settings.network} ({', '.join(known)}), came "
            f"{', '.join(strange)}; take them out of the search space"
        )


def _first_fold(material: Material, settings: RunSettings) -> Fold:
    fold = folds_of(material.labelled, settings)[0]
    if not askable(material.labelling, material.usable(fold.validation)):
        raise TrainingError(
            f"expected speakers spared for validation in {fold.name}, there are none; a search "
            "needs a corpus of four speakers or more, and fewer folds than these"
        )
    return fold


def _same_search(study: optuna.Study, wanted: str) -> None:
    came = study.user_attrs.get("search")
    if came not in (None, wanted):
        raise TrainingError(
            f"expected to go on with the search in {JOURNAL}, came {told_apart(came, wanted)}; use "
            "the same settings, recordings and space, or another folder"
        )
    study.set_user_attr("search", wanted)


def _ended(study: optuna.Study) -> list[Any]:
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]


def _draw(trial: optuna.Trial, space: SearchSpace, settings: RunSettings) -> tuple[str, ...]:
    now = settable(settings)
    pairs = []
    for name, each in space.ranges.items():
        if isinstance(now[name], int):
            value: float = trial.suggest_int(name, round(each.low), round(each.high), log=each.log)
        else:
            value = trial.suggest_float(name, each.low, each.high, log=each.log)
        pairs.append(f"{name}={value:.4g}")
    return tuple(pairs)


def _judge(
    trial: optuna.Trial,
    material: Material,
    fold: Fold,
    settings: RunSettings,
    out: Path,
    on_epoch: Callable[[Epoch], None],
) -> float:

    def look(epoch: Epoch) -> None:
        on_epoch(epoch)
        trial.report(epoch.validation_uar, epoch.number)
        if trial.should_prune() or not math.isfinite(epoch.validation_loss):
            raise optuna.TrialPruned

    learn = [*fold.train, *range(material.n_labelled, len(material.utterances))]
    checkpoint = out / "trial.pt"
    try:
        trained = learn_from(
            material,
            material.usable(learn),
            material.usable(fold.validation),
            settings,
            checkpoint,
            start=None,
            resume=False,
            on_epoch=look,
        )
    finally:
        checkpoint.unlink(missing_ok=True)
    return float(trained.history[trained.best_epoch].validation_uar)
