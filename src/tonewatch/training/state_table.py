"""The table of caller states: MFCC means and a state a row, and how it is divided to be scored.

It is mfcc20_four_states.csv: means of librosa's 20 MFCCs over clips of 5 s. It names no speakers
and mixes augmented rows with the others. What its order tells:
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import SCHEMES

LABELS = SCHEMES["helpline4"].labels
N_COEFFICIENTS = 20
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
