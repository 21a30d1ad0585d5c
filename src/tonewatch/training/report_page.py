"""The page of a training report: one HTML file, light or dark as its reader's system is.

First what was tested on whom and the score with its interval; everything else below. No script,
nothing loaded from elsewhere. It does not compute scores or draw.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape

from tonewatch.core.labels import colour_of, letter_of
from tonewatch.inference.scores import GroupScore
from tonewatch.training.ink import file_word
from tonewatch.training.report import Condition, FoldResult, RunReport
from tonewatch.training.sheet import duration, figure, grid, interval, share, sheet

_ACTED = (
    "Acted speech: the recordings were spoken by actors, one emotion at a time. "
    "These scores do not carry over to real calls."
)
_LEAKY = (
    "LEAKY: voices that were tested on were also trained on. These scores say nothing about new "
    "speakers; show them only beside a speaker-independent score."
)


def page(report: RunReport, pictures: Mapping[str, str]) -> str:
    """The page, with `pictures` as `report_plots.draw` gives them."""
    body = [
        _head(report),
        *(_condition(report, condition, pictures) for condition in report.conditions),
        _training(report, pictures),
    ]
    return sheet(report.title, body)


def _head(report: RunReport) -> str:
    notices = [f'<p class="notice">{_ACTED}</p>']
    if report.leaky:
        notices.insert(0, f'<p class="notice leaky" role="alert">{_LEAKY}</p>')
    first: dict[str, Condition] = {}  # of each corpus: clean, if there is a line beside it
    for condition in report.conditions:
        first.setdefault(condition.name.rpartition(", ")[0], condition)
    cards = "".join(
        _card(report, condition, first[condition.name.rpartition(", ")[0]])
        for condition in report.conditions
    )
    return (
        f"<header><h1>{escape(report.title)}</h1>{''.join(notices)}"
        f'<p class="protocol">{escape(report.protocol)}</p></header>'
        f'<section class="cards">{cards}</section>'
    )


def _card(report: RunReport, condition: Condition, main: Condition) -> str:
    n_folds = len(condition.folds)
    what = f"mean UAR over {n_folds} folds" if n_folds > 1 else "UAR"
    lines = [
        f"all folds pooled: {condition.pooled.uar:.3f}, 95 % by speaker "
        f"{interval(condition.interval)}",
        f"chance {1 / len(condition.pooled.labels):.3f} ({len(condition.pooled.labels)} labels)",
    ]
    if n_folds > 1:
        lines.insert(0, "folds: " + ", ".join(f"{f.uar:.3f}" for f in condition.folds.values()))
    if condition is not main and main.uar > 0:
        what += f", {condition.uar / main.uar:.0%} of {escape(main.name)}"
    small = "".join(f"<li>{line}</li>" for line in lines)
    badge = '<span class="badge leaky">leaky</span>' if report.leaky else ""
    return (
        f'<div class="card"><h2>{escape(condition.name)} {badge}</h2>'
        f'<p class="big">{condition.uar:.3f}</p><p class="what">{what}</p><ul>{small}</ul></div>'
    )


def _condition(report: RunReport, condition: Condition, pictures: Mapping[str, str]) -> str:
    word, found = file_word(condition.name), condition.pooled
    silent = (
        f"<p>In {found.no_speech} of {found.n} recordings no speech was heard; "
        "they count as wrong.</p>"
        if found.no_speech
        else ""
    )
    drawn = {
        kind: figure(pictures[f"{kind}-{word}"], alt)
        for kind, alt in (
            ("confusion", f"Confusion matrix, {condition.name}"),
            ("reliability", f"Reliability diagram, {condition.name}"),
            ("certain", f"Accuracy against the share of recordings kept, {condition.name}"),
            ("speakers", f"UAR of each speaker, {condition.name}"),
        )
    }
    heading = f"Test: {escape(condition.name)}"
    return f"""<section>
<h2>{heading}</h2>{silent}
{_folds_table(report.folds, condition)}
<h3>Who was taken for what</h3>{drawn["confusion"]}
<h3>By label</h3>{_labels_table(condition)}
<h3>What its confidence is worth</h3>
<div class="pair">{drawn["reliability"]}{drawn["certain"]}</div>
<h3>By speaker</h3>{drawn["speakers"]}
<h3>By sex</h3>{_groups_table("sex", found.by_sex)}
<details><summary>Every speaker in numbers</summary>{_groups_table("speaker", found.by_speaker)}
</details>
</section>"""


def _folds_table(folds: Sequence[FoldResult], condition: Condition) -> str:
    leaky = {fold.name: fold.leaky for fold in folds}
    rows = []
    for name, found in condition.folds.items():
        mark = ' <span class="badge leaky">leaky</span>' if leaky[name] else ""
        rows.append(
            [
                escape(name) + mark,
                f"<b>{found.uar:.3f}</b>",
                interval(condition.intervals[name]),
                *(f"{value:.3f}" for value in (found.wa, found.macro_f1, found.ece)),
                share(found.certain_share),
                share(found.certain_accuracy),
                str(found.n),
                str(len(found.by_speaker)),
            ]
        )
    names = ("uar", "wa", "macro_f1", "ece", "certain_share", "certain_accuracy")
    mean = {name: condition.mean(name) for name in names}
    last = [
        "mean of the folds",
        f"<b>{mean['uar']:.3f}</b>",
        "",
        *(f"{mean[name]:.3f}" for name in names[1:4]),
        *(share(mean[name]) for name in names[4:]),
        str(condition.pooled.n),
        str(len(condition.pooled.by_speaker)),
    ]
    header = (
        "fold",
        "UAR",
        "95 % by speaker",
        "WA",
        "macro F1",
        "ECE",
        "certain",
        "of these right",
        "recordings",
        "speakers",
    )
    return grid(header, rows, last)


def _labels_table(condition: Condition) -> str:
    rows = []
    for label, score in condition.pooled.per_class.items():
        colour = colour_of(label)
        chip = f'<span class="chip" style="background:{colour}"></span>{escape(label)}'
        bar = (
            f'<span class="bar"><span style="width:{score.recall:.1%};background:{colour}">'
            "</span></span>"
        )
        rows.append(
            [
                f'{chip} <span class="letter">{escape(letter_of(label))}</span>',
                f"{score.precision:.3f}",
                f"{score.recall:.3f}",
                bar,
                f"{score.f1:.3f}",
                str(score.n),
            ]
        )
    return grid(("label", "precision", "recall", "", "F1", "recordings"), rows)


def _groups_table(noun: str, groups: Mapping[str, GroupScore]) -> str:
    rows = [
        [escape(name), f"{score.uar:.3f}", f"{score.wa:.3f}", str(score.n)]
        for name, score in groups.items()
    ]
    return grid((noun, "UAR", "WA", "recordings"), rows)


def _training(report: RunReport, pictures: Mapping[str, str]) -> str:
    rows = [
        [
            escape(fold.name),
            f"{fold.best_epoch + 1} of {len(fold.history)}",
            duration(fold.seconds),
            f'<span class="words">{escape(fold.protocol)}</span>',
        ]
        for fold in report.folds
    ]
    settings = [
        [escape(str(name)), f"<code>{escape(json.dumps(value, default=str))}</code>"]
        for name, value in report.settings.items()
    ]
    total = duration(sum(fold.seconds for fold in report.folds))
    longest = duration(max(fold.seconds for fold in report.folds))
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    hardware = f", on {escape(report.hardware)}" if report.hardware else ""
    return f"""<section>
<h2>Training</h2>
<p>{total} in all{hardware}; the longest fold took {longest}.</p>
{figure(pictures["curves"], "Loss and accuracy of every fold, the epoch kept marked")}
<p class="caption">The upright line marks the epoch that was kept. Training loss is on augmented
recordings with smoothed labels, so that it may lie above that on validation speakers.</p>
{grid(("fold", "epoch kept", "time", "protocol"), rows)}
{f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""}
<details><summary>Settings</summary>{grid(("setting", "value"), settings)}</details>
<details><summary>What the words mean</summary>
<p><b>UAR</b>, unweighted average recall: the mean over the labels of the share found. <b>WA</b>:
the share of recordings that is right. <b>ECE</b>, expected calibration error: how far confidence is
from the share that is right, in 15 bins of equal width. <b>Certain</b>: how often the confidence
reaches the threshold, which was set on speakers outside training and test. <b>95 % by speaker</b>:
the middle 95 % of 2000 draws of whole speakers with replacement.</p></details>
</section>"""
