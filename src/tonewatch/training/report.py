"""The report of a training run: what was tested on whom, how well, and how it came about.

Takes finished folds and writes `report.json`, `report.html` (one file, nothing loaded from
elsewhere) and PNG pictures. It does not train, predict or judge; scores are `inference.scores`'s.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tonewatch.core.errors import TrainingError
from tonewatch.inference.scores import (
    Predictions,
    Scores,
    joined,
    reliability,
    scores,
    uar_interval,
)

if TYPE_CHECKING:  # which imports torch, and a report needs none
    from tonewatch.training.loop import Epoch

_SEED = 1  # of the bootstrap, so that the same run has the same report


@dataclass(frozen=True)
class FoldResult:
    """One fold, trained and tested.

    Attributes:
        name: short, unique among the folds.
        protocol: the division in words (`corpora.folds.Fold.protocol`).
        leaky: whether voices tested on were also trained on.
        history: the epochs, first to last.
        best_epoch: `number` of the epoch kept.
        seconds: how long training took.
        test: predictions by condition (`clean`, `telephone`, ...), the main one first.
    """

    name: str
    protocol: str
    leaky: bool
    history: "Sequence[Epoch]"
    best_epoch: int
    seconds: float
    test: Mapping[str, Predictions]


@dataclass(frozen=True)
class Condition:
    """The scores under one condition of test.

    Attributes:
        name: as in `FoldResult.test`.
        folds: scores by fold, those folds only which were tested under it.
        intervals: 95 % bootstrap interval of each fold's UAR by speaker; None with under three.
        predictions: of all folds together.
        pooled: scores of all folds together.
        interval: 95 % bootstrap interval of the pooled UAR by speaker.
    """

    name: str
    folds: Mapping[str, Scores]
    intervals: Mapping[str, tuple[float, float] | None]
    predictions: Predictions
    pooled: Scores
    interval: tuple[float, float] | None

    @property
    def uar(self) -> float:
        """Mean over the folds of their UAR: the figure to quote."""
        return self.mean("uar")

    def mean(self, score: str) -> float:
        """Mean over the folds of one score; of those that have it."""
        values = [getattr(found, score) for found in self.folds.values()]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else float("nan")


@dataclass(frozen=True)
class RunReport:
    """A whole run.

    Attributes:
        title: of the page.
        labels: classes of the network.
        protocol: in words, what was trained and tested on, for all folds.
        folds: one at least.
        settings: of the run, as JSON knows them, seeds included.
        hardware: what it was trained on, in words.
        notes: further sentences, such as what was left out.

    Raises:
        TrainingError: there is no fold, or one without a test.
    """

    title: str
    labels: tuple[str, ...]
    protocol: str
    folds: Sequence[FoldResult]
    settings: Mapping[str, Any] = field(default_factory=dict)
    hardware: str = ""
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.folds or not all(fold.test for fold in self.folds):
            raise TrainingError("expected one tested fold or more to report, got none; train first")

    @property
    def leaky(self) -> bool:
        """Whether any fold was tested on voices that it was trained on."""
        return any(fold.leaky for fold in self.folds)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Scores by condition, in the order of the first fold that has it."""
        names = dict.fromkeys(name for fold in self.folds for name in fold.test)
        return tuple(self._condition(name) for name in names)

    def to_dict(self) -> dict[str, Any]:
        """What `report.json` holds."""
        return {
            "title": self.title,
            "speech": "acted",
            "protocol": self.protocol,
            "leaky": self.leaky,
            "labels": list(self.labels),
            "conditions": {found.name: _plain(found) for found in self.conditions},
            "folds": [
                {
                    "name": fold.name,
                    "protocol": fold.protocol,
                    "leaky": fold.leaky,
                    "seconds": fold.seconds,
                    "best_epoch": fold.best_epoch,
                    "history": [asdict(epoch) for epoch in fold.history],
                }
                for fold in self.folds
            ],
            "settings": dict(self.settings),
            "hardware": self.hardware,
            "notes": list(self.notes),
        }

    def _condition(self, name: str) -> Condition:
        tested = {fold.name: fold.test[name] for fold in self.folds if name in fold.test}
        protocols = {fold.name: fold.protocol for fold in self.folds}
        rng = np.random.default_rng(_SEED)
        together = joined(list(tested.values()))
        return Condition(
            name,
            {fold: scores(found, protocols[fold]) for fold, found in tested.items()},
            {fold: uar_interval(found, rng=rng) for fold, found in tested.items()},
            together,
            scores(together, self.protocol),
            uar_interval(together, rng=rng),
        )


def write_report(folder: Path, report: RunReport) -> Path:
    """Write the report into a folder, which is made when missing.

    Returns:
        The page, `report.html`.
    """
    # matplotlib takes a second to import, which only a report need wait for.
    from tonewatch.training.report_page import page
    from tonewatch.training.report_plots import draw

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_without_nan(report.to_dict()), indent=1, ensure_ascii=False, default=str)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    pictures = draw(report, folder)
    path = folder / "report.html"
    path.write_text(page(report, pictures), encoding="utf-8")
    return path


def _plain(found: Condition) -> dict[str, Any]:
    bins = reliability(found.predictions)
    return {
        "uar_mean_over_folds": found.uar,
        "uar_by_fold": {name: fold.uar for name, fold in found.folds.items()},
        "uar_interval_by_fold": dict(found.intervals),
        "uar_interval": found.interval,
        "pooled": found.pooled.to_dict(),
        "reliability": {
            "count": bins.count.tolist(),
            "confidence": bins.confidence.tolist(),
            "accuracy": bins.accuracy.tolist(),
        },
        "folds": {name: fold.to_dict() for name, fold in found.folds.items()},
    }


def _without_nan(value: Any) -> Any:
    """JSON has no NaN, which a fold without validation speakers has as its loss."""
    if isinstance(value, dict):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
