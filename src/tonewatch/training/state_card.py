"""What is told of `caller-state`: its model card, and the pictures of its report."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tonewatch.inference.scores import Scores
from tonewatch.training.calibrate import Fit
from tonewatch.training.ink import BLUE, INK, ORANGE
from tonewatch.training.state_table import COPIES, GAP, LABELS, NEAR, RUN


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


def confusions(shown: dict[str, Scores]) -> Figure:
    """One matrix a division, by its title."""
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


def distance_plots(measured: dict[str, Any]) -> Figure:
    """What the grouping rests on, as `state_table.distances` gives it."""
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
