"""The model card: what a bundle is for, how it was made, how well it does, and what it must not do.

Follows the headings of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). Every score
is one of the run's report; this module only puts them into words and `bundle.json`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tonewatch.training.calibrate import Fit
from tonewatch.training.report import Condition, RunReport

_TESTED = {
    False: "The scores are those of networks trained alike on part of the speakers and tested on "
    "the others;\nthe shipped network learnt from all speakers and has none left to be tested on.",
    True: "**LEAKY: the voices tested on were trained on.** These scores, and how sure it is "
    "below, say\nnothing of new voices; train with `--folds speaker:N` to know.",
}
_ANSWERED = {
    False: "speakers that the answering network had not heard",
    True: "**voices that the answering network knew**",
}
_WHOSE = {False: "speakers not trained on", True: "LEAKY, known voices"}
_HEAD = (
    "| tested on | folds | n | UAR, mean of folds | UAR, pooled | WA | macro F1 | ECE | certain "
    "| of these right |"
)


def metrics_of(report: RunReport) -> dict[str, Any]:
    """Scores by condition for `bundle.json`, of all folds' answers together where not said."""
    return {
        found.name: {
            "uar": found.pooled.uar,
            "uar_interval": found.interval,
            "uar_mean_over_folds": found.uar,
            "uar_by_fold": {name: part.uar for name, part in found.folds.items()},
            "wa": found.pooled.wa,
            "macro_f1": found.pooled.macro_f1,
            "ece": found.pooled.ece,
            "n": found.pooled.n,
            "leaky": report.leaky,
            "protocol": report.protocol,
        }
        for found in report.conditions
    }


def card(
    report: RunReport,
    name: str,
    labels: Sequence[str],
    found: Fit,
    calibration: Mapping[str, Mapping[str, float]],
    licence: str,
    window_s: float = 3.0,
) -> str:
    """The card as Markdown.

    Args:
        report: of the folds, among the bundle's labels.
        name: of the bundle.
        labels: of the bundle, but for those that it never answers.
        found: its calibration.
        calibration: from `answers.cross_fitted`.
        licence: of the weights.
        window_s: usual length of a window.
    """
    rows = "\n".join(_row(condition) for condition in report.conditions)
    certainty = "\n".join(
        f"| {where} | {each['uar']:.3f} | {each['ece']:.3f} | {each['certain_share']:.0%} "
        f"| {_right(each['certain_accuracy'] if each['certain_share'] else None)} |"
        for where, each in calibration.items()
    )
    sexes = "\n".join(_sexes(condition) for condition in report.conditions)
    return f"""# Bundle `{name}`

Hears which of {len(labels)} emotions a voice sounds like, in windows of {window_s:.3g} s:
{", ".join(labels)}.

**Acted speech.** It learnt from actors, one emotion at a time. Scores on acted speech do not carry
over to real calls, and none here is from a real emergency.

## For
Showing people who listen to many recordings or calls where to listen first, and research.

## Not for
Judging whether somebody lies or a call is genuine, lowering a call's priority, inferring the
emotions of people at work, or any decision without a person.

## Scores
{report.protocol}

{_TESTED[report.leaky]}

{_HEAD}
|---|---|---|---|---|---|---|---|---|---|
{rows}

All but the first UAR are of all folds' answers together; the interval, the middle 95 % of draws of
whole speakers, is of the pooled UAR.{_unheard(report)}

By sex (UAR, folds together):

{sexes}

## How sure it is
{_fitted(found, report.leaky)}

Calibrated without the recordings that it is applied to:

| {_WHOSE[report.leaky]} | UAR | ECE | certain | of these right |
|---|---|---|---|---|
{certainty}

## Made by
{report.hardware}; {sum(fold.seconds for fold in report.folds) / len(report.folds) / 60:.0f} minutes
a fold.

## Licence
{licence or "not stated"}
"""


def _right(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _unheard(report: RunReport) -> str:
    n = sum(condition.pooled.no_speech for condition in report.conditions)
    return f" {n} of all answers are that no speech was heard, which counts as wrong." if n else ""


def _fitted(found: Fit, leaky: bool) -> str:
    rule = (
        f"Temperature {found.temperature:.2f}; an answer is called certain from "
        f"{found.threshold:.2f} on."
    )
    if not found.n:
        return f"{rule}\nNeither was fitted, as there was no answer to fit it to."
    return (
        f"{rule}\nBoth were fitted on {found.n} answers about {_ANSWERED[leaky]};\nthere "
        f"{found.certain_share:.0%} of the answers were certain, and {found.certain_error:.0%} of "
        "these\nwrong (stated error rate)."
    )


def _row(found: Condition) -> str:
    interval = f" ({found.interval[0]:.2f}-{found.interval[1]:.2f})" if found.interval else ""
    return (
        f"| {found.name} | {len(found.folds)} | {found.pooled.n} | {found.uar:.3f} "
        f"| {found.pooled.uar:.3f}{interval} | {found.pooled.wa:.3f} "
        f"| {found.pooled.macro_f1:.3f} | {found.pooled.ece:.3f} "
        f"| {found.pooled.certain_share:.0%} | {_right(found.pooled.certain_accuracy)} |"
    )


def _sexes(found: Condition) -> str:
    parts = ", ".join(f"{sex} {part.uar:.2f}" for sex, part in found.pooled.by_sex.items())
    return f"- {found.name}: {parts}"
