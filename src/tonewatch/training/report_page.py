"""The page of a training report: one HTML file, light or dark as its reader's system is.

First what was tested on whom and the score with its interval; everything else below. No script,
nothing loaded from elsewhere. It does not compute scores or draw.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template

from tonewatch.core.labels import colour_of, letter_of
from tonewatch.inference.scores import GroupScore
from tonewatch.training.report import Condition, FoldResult, RunReport
from tonewatch.training.report_plots import file_word

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
    return _PAGE.substitute(title=escape(report.title), body="\n".join(body))


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
        f"{_interval(condition.interval)}",
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
    figure = {
        kind: _figure(pictures[f"{kind}-{word}"], alt)
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
<h3>Who was taken for what</h3>{figure["confusion"]}
<h3>By label</h3>{_labels_table(condition)}
<h3>What its confidence is worth</h3>
<div class="pair">{figure["reliability"]}{figure["certain"]}</div>
<h3>By speaker</h3>{figure["speakers"]}
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
                _interval(condition.intervals[name]),
                *(f"{value:.3f}" for value in (found.wa, found.macro_f1, found.ece)),
                _share(found.certain_share),
                _share(found.certain_accuracy),
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
        *(_share(mean[name]) for name in names[4:]),
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
    return _table(header, rows, last)


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
    return _table(("label", "precision", "recall", "", "F1", "recordings"), rows)


def _groups_table(noun: str, groups: Mapping[str, GroupScore]) -> str:
    rows = [
        [escape(name), f"{score.uar:.3f}", f"{score.wa:.3f}", str(score.n)]
        for name, score in groups.items()
    ]
    return _table((noun, "UAR", "WA", "recordings"), rows)


def _training(report: RunReport, pictures: Mapping[str, str]) -> str:
    rows = [
        [
            escape(fold.name),
            f"{fold.best_epoch + 1} of {len(fold.history)}",
            _time(fold.seconds),
            f'<span class="words">{escape(fold.protocol)}</span>',
        ]
        for fold in report.folds
    ]
    settings = [
        [escape(str(name)), f"<code>{escape(json.dumps(value, default=str))}</code>"]
        for name, value in report.settings.items()
    ]
    total = _time(sum(fold.seconds for fold in report.folds))
    longest = _time(max(fold.seconds for fold in report.folds))
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    hardware = f", on {escape(report.hardware)}" if report.hardware else ""
    return f"""<section>
<h2>Training</h2>
<p>{total} in all{hardware}; the longest fold took {longest}.</p>
{_figure(pictures["curves"], "Loss and accuracy of every fold, the epoch kept marked")}
<p class="caption">The upright line marks the epoch that was kept. Training loss is on augmented
recordings with smoothed labels, so that it may lie above that on validation speakers.</p>
{_table(("fold", "epoch kept", "time", "protocol"), rows)}
{f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""}
<details><summary>Settings</summary>{_table(("setting", "value"), settings)}</details>
<details><summary>What the words mean</summary>
<p><b>UAR</b>, unweighted average recall: the mean over the labels of the share found. <b>WA</b>:
the share of recordings that is right. <b>ECE</b>, expected calibration error: how far confidence is
from the share that is right, in 15 bins of equal width. <b>Certain</b>: how often the confidence
reaches the threshold, which was set on speakers outside training and test. <b>95 % by speaker</b>:
the middle 95 % of 2000 draws of whole speakers with replacement.</p></details>
</section>"""


def _table(
    header: Iterable[str], rows: Iterable[Sequence[str]], last: Sequence[str] | None = None
) -> str:
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{''.join(f'<td>{cell}</td>' for cell in last)}</tr></tfoot>" if last else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def _figure(svg: str, alt: str) -> str:
    return f'<figure role="img" aria-label="{escape(alt)}">{svg}</figure>'


def _interval(interval: tuple[float, float] | None) -> str:
    return "too few speakers" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None or value != value else f"{value:.0%}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --paper: #fff; --ink: #1b1f24; --soft: #5a636d; --line: #d9dde2; --panel: #f5f7f9;
  --warn: #8a4b00; --warn-paper: #fff3dc; --loud: #fff; --loud-paper: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e6e9ec; --soft: #9aa4ae; --line: #333a42; --panel: #1c2126;
    --warn: #ffcf8a; --warn-paper: #35280f; --loud: #fff; --loud-paper: #a3201a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; }
.protocol { font-size: 1.05rem; max-width: 56rem; }
.notice { padding: .6rem .9rem; border-radius: 6px; background: var(--warn-paper);
  color: var(--warn); }
.notice.leaky { background: var(--loud-paper); color: var(--loud); font-weight: 700;
  font-size: 1.1rem; }
.badge { font-size: .75rem; padding: .1rem .4rem; border-radius: 4px; font-weight: 700; }
.badge.leaky { background: var(--loud-paper); color: var(--loud); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem;
  margin: 1.5rem 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem 1.2rem; }
.card h2 { margin: 0; font-size: 1rem; }
.card .big { font-size: 2.6rem; font-weight: 650; line-height: 1.1; margin: .3rem 0 0;
  font-variant-numeric: tabular-nums; }
.card .what { margin: 0 0 .5rem; }
.card ul { list-style: none; margin: 0; padding: 0; color: var(--soft); font-size: .875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
tfoot td { border-bottom: 0; font-weight: 600; }
td .words { white-space: normal; display: inline-block; min-width: 24rem; }
td code { white-space: normal; word-break: break-word; }
figure { margin: .5rem 0; }
figure svg { max-width: 100%; height: auto; }
figure svg text { font-family: inherit !important; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.5rem; }
.caption { color: var(--soft); font-size: .875rem; max-width: 48rem; }
.chip { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .5em;
  border: 1px solid var(--line); }
.letter { color: var(--soft); }
.bar { display: inline-block; width: 9rem; height: .7em; background: var(--panel);
  border: 1px solid var(--line); border-radius: 2px; }
.bar span { display: block; height: 100%; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--soft); }
</style>
</head>
<body>
$body
</body>
</html>
""")
