"""Trains the experimental bundle `caller-state` on a table of MFCC means, and scores it three ways.

`python -m tonewatch.training.states TABLE BUNDLE REPORT` reads TABLE (mfcc20_four_states.csv: means
of librosa's 20 MFCCs and a state a row) and writes the folders BUNDLE and REPORT.

The table names no speakers and mixes augmented rows with the others. What its order tells:
    files     rows come in threes with one state (all 310), as a file and two altered copies do;
              of the first and third of a three, 80 and 87 % are nearest to the other. The second
              stands apart (10 %), as noise does, so distances alone would not find it.
    speakers  files that follow each other are alike: the mean distance of two files grows with how
              far apart they stand, up to about 30 files, and no further. 18 speakers in 310 files
              are 17 files a speaker, so they seem to stand speaker by speaker.
So three divisions: rows at random (leaky: a copy of the tested row was learnt from), groups of
near-duplicates (a file with its copies, and files that hold nearly the same row: the voice was
still learnt from), and runs of files with a gap on both sides (the nearest to unheard speakers that
the table allows, and the one to quote).
"""

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from tonewatch.audio.inputs import MfccMean
from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.bundle import Bundle, BundleInfo, write_bundle
from tonewatch.inference.calibration import Calibration
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.scores import Predictions, Scores, scores, uar_interval
from tonewatch.training.answers import calibrated, fit_answers
from tonewatch.training.calibrate import Fit
from tonewatch.training.ensemble import Ensemble, fit, to_onnx
from tonewatch.training.ink import BLUE, INK, ORANGE, STYLE, saved

LABELS = SCHEMES["helpline4"].labels
N_COEFFICIENTS = 20
RATE_HZ = 22_050
"""At which the table's MFCCs were made (librosa's default)."""
WINDOW_S = 5.0
"""How long the table's clips were."""
COPIES = 3
"""Rows of one file."""
NEAR = 0.5
"""Standardised distance under which two rows are nearly the same: 18 rows have another so near, and
from there to 0.75 next to none begins (report, distances.png)."""
RUN = 18
"""Files that count as one speaker where rows are held back together."""
GAP = 30
"""Files left out on both sides of those tested."""
FOLDS = 5
SEED = 1

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """The table.

    Attributes:
        x: MFCC means, shape [n, 20].
        y: index among LABELS, shape [n].
    """

    x: Reals
    y: Ints

    @property
    def files(self) -> Ints:
        """Which file each row is of, in the table's order, shape [n]."""
        return np.arange(len(self.y)) // COPIES

    @property
    def runs(self) -> Ints:
        """Which run of RUN files, shape [n]."""
        return self.files // RUN

    @property
    def standardised(self) -> Reals:
        """Each number with mean 0 and deviation 1 over the table, shape [n, 20]."""
        return np.asarray((self.x - self.x.mean(axis=0)) / self.x.std(axis=0))


def read_table(path: Path) -> States:
    """Read and check it.

    Raises:
        CorpusError: it is not in threes of one state, or has other columns.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        x = np.array([[float(row[str(i)]) for i in range(N_COEFFICIENTS)] for row in rows])
        y = np.array([LABELS.index(row["labels"]) for row in rows])
    except (KeyError, ValueError) as error:
        raise CorpusError(
            f"{path}: expected columns 0 to {N_COEFFICIENTS - 1} and `labels` of "
            f"{', '.join(LABELS)}, came {error!r}; name the table of caller states"
        ) from error
    if not len(y) or len(y) % COPIES or (y.reshape(-1, COPIES) != y[::COPIES, None]).any():
        raise CorpusError(
            f"{path}: expected rows in threes of one state, came {len(y)} rows in another order; "
            "leave the rows as they were"
        )
    return States(x, y)


def near_duplicates(table: States) -> Ints:
    """The group of each row: its file's rows, and files joined by rows closer than NEAR."""
    close = fcluster(linkage(pdist(table.standardised), "single"), NEAR, "distance")
    group = table.files.copy()
    for cluster in np.unique(close):
        touched = np.unique(group[close == cluster])
        group[np.isin(group, touched)] = touched[0]
    return group


@dataclass(frozen=True)
class Division:
    """One way to divide the table.

    Attributes:
        name: short.
        words: what is tested on what.
        leaky: whether copies of tested rows are learnt from.
        groups: rows that inner folds keep together, shape [n].
        folds: rows learnt from, rows tested.
    """

    name: str
    words: str
    leaky: bool
    groups: Ints
    folds: tuple[tuple[Ints, Ints], ...]


def divisions(table: States) -> tuple[Division, ...]:
    """The three, the leaky one first."""
    rows = np.arange(len(table.y))
    duplicates = near_duplicates(table)
    at_random = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(rows, table.y)
    by_group = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    return (
        Division(
            "random",
            f"LEAKY: {FOLDS} folds of rows at random; copies of the tested rows were learnt from",
            True,
            rows,
            tuple(at_random),
        ),
        Division(
            "near-duplicates",
            f"{FOLDS} folds by groups of near-duplicates (a file with its two copies, and files "
            f"with rows closer than {NEAR}); the tested voices were still learnt from",
            False,
            duplicates,
            tuple(by_group.split(rows, table.y, duplicates)),
        ),
        Division(
            "runs",
            f"{FOLDS} folds of files that follow each other, {GAP} files on both sides left out; "
            "the table names no speakers, its order suggests that these are unheard ones",
            False,
            table.runs,
            tuple(_in_runs(table.files)),
        ),
    )


def _in_runs(files: Ints) -> Iterator[tuple[Ints, Ints]]:
    for part in np.array_split(np.unique(files), FOLDS):
        first, last = part[0], part[-1]
        far = (files < first - GAP) | (files > last + GAP)
        yield np.flatnonzero(far), np.flatnonzero((files >= first) & (files <= last))


def answers(table: States, division: Division) -> Predictions:
    """Answers of all folds, each by an ensemble that did not learn from the rows tested."""
    p = np.zeros((len(table.y), len(LABELS)))
    for learn, test in division.folds:
        fitted = fit(table.x[learn], table.y[learn], division.groups[learn], SEED)
        p[test] = fitted.probabilities(table.x[test])
    n = len(table.y)
    # The interval is drawn by runs, as rows of one run are alike.
    runs = tuple(f"helpline:files {RUN * r}-{RUN * r + RUN - 1}" for r in table.runs.tolist())
    return Predictions(
        LABELS,
        p,
        table.y,
        np.zeros(n, bool),
        runs,
        (None,) * n,
        ("helpline",) * n,
        (None,) * n,
    )


def _tell(predictions: Predictions, words: str) -> dict[str, Any]:
    """Scores of all rows, and of the files themselves without their copies."""
    found = scores(predictions, words)
    files = scores(predictions.rows(np.arange(len(predictions)) % COPIES == 0), words)
    rng = np.random.default_rng(SEED)
    plain = found.to_dict()
    for key in ("by_sex", "by_speaker", "no_speech", "certain_share", "certain_accuracy"):
        del plain[key]
    return plain | {
        "uar_interval_by_run": uar_interval(predictions, rng=rng),
        "files_only": {"n": files.n, "uar": files.uar, "macro_f1": files.macro_f1},
    }


def distances(table: States) -> dict[str, Any]:
    """What the grouping rests on, as the report draws it."""
    apart = squareform(pdist(table.standardised))
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(axis=1)
    original = apart[::COPIES, ::COPIES]
    lags = range(1, 101)
    return {
        "nearest": apart.min(axis=1).round(3).tolist(),
        "nearest_is_of_the_same_file": [
            float(np.mean(table.files[nearest[i::COPIES]] == table.files[i::COPIES]))
            for i in range(COPIES)
        ],
        "mean_distance_by_files_apart": [
            round(float(np.diagonal(original, lag).mean()), 3) for lag in lags
        ],
    }


def main(path: Path, bundle: Path, report: Path) -> None:
    """Score by the three divisions, fit on everything, and write."""
    table = read_table(path)
    raw = {division.name: (division, answers(table, division)) for division in divisions(table)}
    # Nothing is called certain: no threshold has more than a third of such answers right.
    found = replace(fit_answers({"runs": raw["runs"][1]}), threshold=1.0)
    told = {
        name: {"leaky": division.leaky} | _tell(calibrated(given, found), division.words)
        for name, (division, given) in raw.items()
    }
    measured = distances(table)
    report.mkdir(parents=True, exist_ok=True)
    content = {
        "title": "caller-state: experimental",
        "n_rows": len(table.y),
        "n_files": int(table.files[-1]) + 1,
        "labels": list(LABELS),
        "divisions": told,
        "temperature": found.temperature,
        "distances": {key: value for key, value in measured.items() if key != "nearest"},
    }
    (report / "report.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with matplotlib.rc_context(STYLE):
        shown = {
            f"LEAKY, {name}" if division.leaky else name: scores(given, division.words)
            for name, (division, given) in raw.items()
        }
        saved(_confusions(shown), report / "confusion.png")
        saved(_distances(measured), report / "distances.png")
    fitted = fit(table.x, table.y, table.runs, SEED)
    _write(fitted, found, told, bundle)
    for name, each in told.items():
        print(f"{name}: UAR {each['uar']:.3f}, files only {each['files_only']['uar']:.3f}")


def _write(fitted: Ensemble, found: Fit, told: dict[str, Any], folder: Path) -> None:
    model = to_onnx(fitted, input_name="input", output_name="logits")
    info = BundleInfo(
        name="caller-state",
        version="1",
        scheme="helpline4",
        labels=LABELS,
        model_sha256=hashlib.sha256(model).hexdigest(),
        kind="window",
        input=MfccMean(n_coefficients=N_COEFFICIENTS, rate_hz=RATE_HZ),
        calibration=Calibration(
            temperature=found.temperature,
            certain_threshold=found.threshold,
        ),
        window_s=WINDOW_S,
        hop_s=1.0,
        training={
            "protocol": "all rows of the table; scores are those of the divisions",
            "corpora": ["helpline"],
            "rows": sum(map(sum, told["runs"]["confusion"])),
            "seed": SEED,
        },
        metrics={
            name: {
                "leaky": each["leaky"],
                "uar": each["uar"],
                "uar_interval_by_run": each["uar_interval_by_run"],
                "macro_f1": each["macro_f1"],
                "uar_files_only": each["files_only"]["uar"],
                "n": each["n"],
                "protocol": each["protocol"],
            }
            for name, each in told.items()
        },
        licence="research use; the table that it learnt from states no licence",
        experimental=True,
    )
    bundle = Bundle(info, model, card(told, found))
    Predictor(bundle)
    write_bundle(bundle, folder)


def card(told: dict[str, Any], found: Fit) -> str:
    """The model card, Markdown."""
    rows = "\n".join(
        f"| {name}{' (**LEAKY**)' if each['leaky'] else ''} | {each['n']} | {each['uar']:.3f} "
        f"({each['uar_interval_by_run'][0]:.2f}-{each['uar_interval_by_run'][1]:.2f}) "
        f"| {each['files_only']['uar']:.3f} | {each['macro_f1']:.3f} | {each['ece']:.3f} |"
        for name, each in told.items()
    )
    protocols = "\n".join(f"- {name}: {each['protocol']}." for name, each in told.items())
    classes = ", ".join(
        f"{label} {each['recall']:.2f}" for label, each in told["runs"]["per_class"].items()
    )
    return f"""# Bundle `caller-state`: EXPERIMENTAL

Guesses which of four states a caller's voice is in: {", ".join(LABELS)}. **Do not act on it: for
voices that it has not heard it is hardly better than chance** (UAR {told["runs"]["uar"]:.2f},
chance 0.25). It is here because the helpline projects before this one had such a model, and to show
what a random split hides (UAR {told["random"]["uar"]:.2f}). It learnt from {told["runs"]["n"]} rows
of numbers, made of {told["runs"]["n"] // COPIES} sentences that 18 people spoke; nobody here has
heard them, and whether the states were played is not said.

## Not for
Anything that happens to a caller. A voice that sounds "drunk" to it may be a stroke, low blood
sugar or an accent. It always names one of the four, also for a voice in none of them: it has no
"none".

## What it learnt from, and what that means
- Means over 5 s of librosa's 20 MFCCs at 22,050 Hz. Means know no order, melody or pace; they know
  the microphone, the room, the level and the person. Another telephone is another voice to it.
- Two of three rows seem to be altered copies of the first, with noise and otherwise.
- No speaker is named. Runs of files are the nearest to unheard speakers that the table allows.
- Here sound is 16 kHz: over 8 kHz, where the table may have had sound, there is nothing. On a
  telephone nothing is over 3.4 kHz. How much worse it is there was **not measured**: the recordings
  are not to be had.

## Scores
| division | rows | UAR (95 %) | UAR, files without copies | macro F1 | ECE |
|---|---|---|---|---|---|
{rows}

{protocols}

Chance is 0.25. Intervals are drawn by runs of {RUN} files. Recall by state, runs: {classes}.

## How sure it is
Never: every answer is told as unsure. The temperature, {found.temperature:.2f} (4 is the most that
is tried), is fitted on the answers of the runs, so that a probability of 0.3 means that about three
of ten are right.

## Made by
Four models (linear, Gaussian, perceptron, forest) and a logistic regression over their out-of-fold
answers: `python -m tonewatch.training.states TABLE BUNDLE REPORT`.

## Licence
The table states none; research use only.
"""


def _confusions(shown: dict[str, Scores]) -> Figure:
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for axis, (title, each) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        counts = np.array(each.confusion, float)
        shares = counts / counts.sum(axis=1, keepdims=True)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else INK
            axis.text(j, i, f"{share:.0%}\n{counts[i, j]:.0f}", ha="center", va="center", c=colour)
        axis.set_xticks(range(len(LABELS)), LABELS, rotation=20)
        axis.set_yticks(range(len(LABELS)), LABELS)
        axis.set_title(f"{title}: UAR {each.uar:.2f}")
    figure.suptitle("caller-state, EXPERIMENTAL: true states as rows, answers as columns")
    return figure


def _distances(measured: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7.4, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(measured["nearest"], bins=np.arange(0, 4.01, 0.125), color=BLUE)
    left.axvline(NEAR, color=ORANGE, ls="--")
    left.set_title("rows: distance to the nearest")
    left.set_xlabel(f"standardised distance; nearly the same under {NEAR}")
    right.plot(range(1, 101), measured["mean_distance_by_files_apart"], color=BLUE)
    right.axvline(GAP, color=ORANGE, ls="--")
    right.set_title("files: mean distance by place")
    right.set_xlabel(f"files apart; {GAP} are left out")
    return figure


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
