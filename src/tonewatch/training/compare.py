"""Runs beside each other: on the same recordings, with intervals by speaker and a test.

The first speaker-independent run is the reference; each other one is compared with it, recording
by recording. A run with a random split is leaky: it takes no part in that, and stands only beside a
speaker-independent run of the same network, so that the leak shows. Runs that were tested on other
people are refused. It does not read files or draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from tonewatch.core.errors import TrainingError
from tonewatch.inference.scores import Predictions, Scores, joined, scores, uar, uar_interval
from tonewatch.training.pace import Pace, paces
from tonewatch.training.runs import FinishedRun, place_of, places_of
from tonewatch.training.significance import Difference, difference, holm

_SEED = 1  # of all draws, so that the same runs give the same comparison


@dataclass(frozen=True)
class Standing:
    """One run under one condition.

    Attributes:
        run: its name.
        condition: `ravdess, clean`.
        uar: mean over the folds, the figure to quote.
        by_fold: UAR of each fold.
        pooled: scores of all folds together.
        interval: 95 % of the pooled UAR by speaker; None with under three speakers.
        predictions: of all folds, in the order of the recordings' places.
    """

    run: str
    condition: str
    uar: float
    by_fold: Mapping[str, float]
    pooled: Scores
    interval: tuple[float, float] | None
    predictions: Predictions

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON output."""
        found = self.pooled
        return {
            "uar": self.uar,
            "uar_by_fold": dict(self.by_fold),
            "uar_pooled": found.uar,
            "uar_interval": self.interval,
            "n": found.n,
            "speakers": len(found.by_speaker),
            "wa": found.wa,
            "macro_f1": found.macro_f1,
            "ece": found.ece,
            "certain_share": found.certain_share,
            "certain_accuracy": found.certain_accuracy,
        }


@dataclass(frozen=True)
class Versus:
    """A run against the reference under one condition; `p_corrected` for all runs there are."""

    run: str
    condition: str
    difference: Difference
    p_corrected: float


@dataclass(frozen=True)
class Leak:
    """A random split beside a speaker-independent one of the same network.

    Attributes:
        network: of both.
        leaky: the run with the random split.
        honest: the run beside it; None where there is no other of that network.
        condition: as in `Standing`.
        leaky_uar: mean over its folds.
        honest_uar: likewise.
        shared: recordings that both were tested on.
        flattery: UAR of the random split less the other's, on these.
    """

    network: str
    leaky: str
    honest: str | None
    condition: str
    leaky_uar: float
    honest_uar: float | None
    shared: int
    flattery: Difference | None


@dataclass(frozen=True)
class Comparison:
    """All of it.

    Attributes:
        runs: the speaker-independent ones, the reference first, then the leaky ones.
        standings: of the speaker-independent runs, by condition and run.
        versus: by condition and run.
        leaks: by condition and run.
        paces: by run of `costed`; empty where it was not measured, without those that have no
            bundle.
    """

    runs: tuple[FinishedRun, ...]
    standings: tuple[Standing, ...]
    versus: tuple[Versus, ...]
    leaks: tuple[Leak, ...]
    paces: Mapping[str, Pace] = field(default_factory=dict)

    @property
    def reference(self) -> FinishedRun:
        """What the others are compared with."""
        return self.runs[0]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those that all speaker-independent runs were tested under."""
        return tuple(dict.fromkeys(standing.condition for standing in self.standings))

    @property
    def costed(self) -> tuple[FinishedRun, ...]:
        """Whose cost is told: a leaky run's is that of an honest run of the same network."""
        honest = {run.network for run in self.runs if not run.leaky}
        return tuple(run for run in self.runs if not (run.leaky and run.network in honest))

    def under(self, condition: str) -> list[Standing]:
        """The runs under one condition, the reference first."""
        return [standing for standing in self.standings if standing.condition == condition]

    def versus_of(self, standing: Standing) -> Versus | None:
        """How a run stands to the reference; None for the reference itself."""
        key = (standing.run, standing.condition)
        return next((v for v in self.versus if (v.run, v.condition) == key), None)

    def uar_per_ms(self, run: FinishedRun) -> float | None:
        """UAR under the first condition over the milliseconds that a second of audio takes.

        None for a leaky run, whose UAR is not one, and where the time was not measured.
        """
        first = self.standings[0].condition
        own = (each.uar for each in self.under(first) if each.run == run.name)
        pace, found = self.paces.get(run.name), next(own, None)
        return None if pace is None or found is None else found / (1e3 * pace.rtf)

    def to_dict(self) -> dict[str, Any]:
        """As `tonewatch compare --json` writes it."""
        return {
            "reference": self.reference.name,
            "method": METHOD,
            "runs": [self._run(run) for run in self.runs],
            "conditions": {
                condition: {
                    standing.run: standing.to_dict()
                    | {"versus_reference": _plain(self.versus_of(standing))}
                    for standing in self.under(condition)
                }
                for condition in self.conditions
            },
            "leaks": [asdict(leak) for leak in self.leaks],
        }

    def _run(self, run: FinishedRun) -> dict[str, Any]:
        pace = self.paces.get(run.name)
        return {
            "name": run.name,
            "network": run.network,
            "leaky": run.leaky,
            "protocol": run.protocol,
            "folds": list(run.folds),
            "model_bytes": run.bundle and len(run.bundle.model),
            "rtf": pace and pace.rtf,
            "rtf_ratio": pace and pace.ratio,
            "uar_per_ms": self.uar_per_ms(run),
            "settings": dict(run.settings),
        }


METHOD = (
    "UAR is the mean over the folds; its interval is of all folds pooled, the middle 95 % of 2000 "
    "draws of whole speakers. A difference is of the pooled UAR on the same recordings; its "
    "interval draws whole speakers (Bisani and Ney, ICASSP 2004), its p exchanges the two runs' "
    "answers speaker by speaker (approximate randomisation: Noreen, 1989; Yeh, COLING 2000), "
    "two-sided, and is corrected for the number of runs under that condition (Holm, 1979)."
)


def compare(runs: Sequence[FinishedRun]) -> Comparison:
    """Compare runs; the first speaker-independent one is the reference.

    Raises:
        TrainingError: fewer than two, two of one name, none that is speaker-independent, or some
            that were tested on other labels, folds, speakers or recordings than the reference, or
            on recordings with another label or speaker.
    """
    names = [run.name for run in runs]
    if len(runs) < 2 or len(set(names)) < len(runs):
        raise TrainingError(
            f"expected two or more runs, each with a name of its own, came {', '.join(names)}; "
            "give them names as NAME=DIR"
        )
    honest, leaky = [r for r in runs if not r.leaky], [r for r in runs if r.leaky]
    if not honest:
        raise TrainingError(
            f"expected a speaker-independent run, {', '.join(names)} have random splits; their "
            "scores may only stand beside one with --folds speaker:N"
        )
    reference = honest[0]
    shared = [c for c in reference.conditions if all(c in run.conditions for run in honest)]
    if not shared:
        raise TrainingError(
            "expected a corpus that all runs were tested on, there is none; "
            + "; ".join(f"{run.name}: {', '.join(run.conditions)}" for run in honest)
        )
    for run in honest[1:]:
        for condition in shared:
            _same_test(reference, run, condition)
    rng = np.random.default_rng(_SEED)
    standings = [_standing(run, condition, rng) for condition in shared for run in honest]
    return Comparison(
        (*honest, *leaky),
        tuple(standings),
        tuple(v for condition in shared for v in _versus(standings, condition, rng)),
        tuple(leak for run in leaky for leak in _leaks(run, honest, rng)),
    )


def with_paces(comparison: Comparison) -> Comparison:
    """The same, with how fast the runs' bundles hear beside each other."""
    kept = {run.name: run.bundle for run in comparison.costed if run.bundle is not None}
    return replace(comparison, paces=paces(kept))


def _same_test(reference: FinishedRun, run: FinishedRun, condition: str) -> None:
    """Refuse to compare runs that were not tested on the same people."""

    def refuse(what: str, expected: Sequence[str], came: Sequence[str]) -> None:
        if sorted(expected) != sorted(came):
            only = sorted(set(expected) ^ set(came))
            listed = ", ".join(only[:6]) + (f" and {len(only) - 6} more" if len(only) > 6 else "")
            raise TrainingError(
                f"{reference.name} and {run.name}, {condition}: expected the same {what}, these "
                f"are in one of them only: {listed or 'in other numbers'}; train both with the "
                "same corpora, --folds and --first-folds"
            )

    ours = {name: fold[condition] for name, fold in reference.folds.items() if condition in fold}
    theirs = {name: fold[condition] for name, fold in run.folds.items() if condition in fold}
    refuse("folds", list(ours), list(theirs))
    for name, fold in ours.items():
        people = [sorted(map(str, set(each.speakers))) for each in (fold, theirs[name])]
        refuse(f"speakers in {name}", *people)
        refuse("labels", fold.labels, theirs[name].labels)
    refuse("recordings", *(place_of(joined(list(part.values()))) for part in (ours, theirs)))
    expected, places = _pooled(reference, condition)
    came, _ = _pooled(run, condition)
    if expected.labels != came.labels:
        raise TrainingError(
            f"{reference.name} and {run.name}, {condition}: expected the same order of labels, "
            f"came {', '.join(expected.labels)} and {', '.join(came.labels)}; train both with the "
            "same scheme"
        )
    _same_truth(reference, run, condition, expected, came, places)


def _same_truth(
    one: FinishedRun,
    other: FinishedRun,
    condition: str,
    ours: Predictions,
    theirs: Predictions,
    places: Sequence[str],
) -> None:
    """Refuse to compare answers to recordings, in one order, that were corrected in between."""
    for row, place in enumerate(places):
        first, second = (
            f"{each.labels[each.target[row]]} of {each.speakers[row]}" for each in (ours, theirs)
        )
        if first != second:
            raise TrainingError(
                f"{one.name} and {other.name}, {condition}: expected the same label and speaker "
                f"of each recording, {place} is {first} in {one.name} and {second} in "
                f"{other.name}; train both with the same corpora"
            )


def _pooled(run: FinishedRun, condition: str) -> tuple[Predictions, list[str]]:
    """All folds together in the order of the recordings' places, and these."""
    together = joined([fold[condition] for fold in run.folds.values() if condition in fold])
    places = place_of(together)
    order = np.array(sorted(range(len(places)), key=places.__getitem__), np.intp)
    return together.rows(order), [places[i] for i in order.tolist()]


def _standing(run: FinishedRun, condition: str, rng: np.random.Generator) -> Standing:
    by_fold = {name: uar(fold[condition]) for name, fold in run.folds.items() if condition in fold}
    together, _ = _pooled(run, condition)
    return Standing(
        run.name,
        condition,
        float(np.mean(list(by_fold.values()))),
        by_fold,
        scores(together, run.protocol),
        uar_interval(together, rng=rng),
        together,
    )


def _versus(
    standings: Sequence[Standing], condition: str, rng: np.random.Generator
) -> list[Versus]:
    first, *others = [standing for standing in standings if standing.condition == condition]
    found = [difference(other.predictions, first.predictions, rng=rng) for other in others]
    corrected = holm([each.p for each in found])
    return [
        Versus(other.run, condition, each, p)
        for other, each, p in zip(others, found, corrected, strict=True)
    ]


def _leaks(run: FinishedRun, honest: Sequence[FinishedRun], rng: np.random.Generator) -> list[Leak]:
    beside = next((other for other in honest if other.network == run.network), None)
    found = []
    for condition in run.conditions:
        leaky_uar = _standing(run, condition, rng).uar
        if beside is None or condition not in beside.conditions:
            found.append(Leak(run.network, run.name, None, condition, leaky_uar, None, 0, None))
            continue
        (ours, _), (theirs, _) = _pooled(run, condition), _pooled(beside, condition)
        our_places, their_places = places_of(ours, theirs)
        both = set(our_places) & set(their_places)
        ours = ours.rows(np.array([place in both for place in our_places], bool))
        theirs = theirs.rows(np.array([place in both for place in their_places], bool))
        alike = bool(both) and ours.labels == theirs.labels
        if alike:
            _same_truth(run, beside, condition, ours, theirs, sorted(both))
        found.append(
            Leak(
                run.network,
                run.name,
                beside.name,
                condition,
                leaky_uar,
                _standing(beside, condition, rng).uar,
                len(both),
                difference(ours, theirs, rng=rng) if alike else None,
            )
        )
    return found


def _plain(versus: Versus | None) -> dict[str, Any] | None:
    if versus is None:
        return None
    return asdict(versus.difference) | {"p_corrected": versus.p_corrected}
