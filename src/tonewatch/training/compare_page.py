"""The page of a comparison, and all files of one.

What was compared on whom and by what method first, then the scores, then the leak, then the cost.
It does not compute scores or draw.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

from tonewatch.training.compare import METHOD, Comparison, Standing
from tonewatch.training.sheet import figure, grid, interval, share, sheet

_ACTED = (
    "Acted speech: the recordings were spoken by actors, one emotion at a time. "
    "These scores do not carry over to real calls."
)
_LEAKY = (
    "LEAKY: in a random split the voices tested on were also trained on. Such a score says nothing "
    "about new speakers; it stands here only to show how much it flatters."
)


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write `compare.html`, `compare.json` and pictures into a folder, made when missing.

    Returns:
        The page.
    """
    from tonewatch.training.compare_plots import draw_comparison

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(as_json(comparison), encoding="utf-8")
    pictures = draw_comparison(comparison, folder)
    path = folder / "compare.html"
    path.write_text(comparison_page(comparison, pictures), encoding="utf-8")
    return path


def as_json(comparison: Comparison) -> str:
    """The content of `compare.json`."""
    return json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False) + "\n"


def comparison_page(comparison: Comparison, pictures: Mapping[str, str]) -> str:
    """The page, with `pictures` as `compare_plots.draw_comparison` gives them."""
    names = [run.name for run in comparison.runs]
    title = f"{len(names)} runs compared: {', '.join(names)}"
    return sheet(
        title,
        [
            _head(title, comparison),
            _scores(comparison, pictures),
            _leaks(comparison, pictures),
            _cost(comparison, pictures),
            f"<details><summary>How it was computed</summary><p>{escape(METHOD)}</p></details>",
        ],
    )


def _head(title: str, comparison: Comparison) -> str:
    reference = comparison.reference
    return (
        f'<header><h1>{escape(title)}</h1><p class="notice">{_ACTED}</p>'
        f'<p class="protocol">All are compared with <b>{escape(reference.name)}</b>, on the same '
        f"recordings of the same speakers. {escape(reference.protocol)}</p></header>"
    )


def _scores(comparison: Comparison, pictures: Mapping[str, str]) -> str:
    tables = []
    for condition in comparison.conditions:
        found = comparison.under(condition)
        n, speakers = found[0].pooled.n, len(found[0].pooled.by_speaker)
        tables.append(
            f"<h3>{escape(condition)}: {n} recordings of {speakers} speakers</h3>"
            + grid(_HEADER, [_row(comparison, standing) for standing in found])
        )
    differences = (
        "<h3>Differences from the reference</h3>"
        + figure(pictures["difference"], "UAR less that of the reference, with 95 % intervals")
        + '<p class="caption">Bars: 95 % over draws of speakers, too narrow where these are few. '
        "Filled: p under 0.05. In the tables: speakers for whom it is better, and worse.</p>"
        if "difference" in pictures
        else ""
    )
    return f"""<section><h2>Scores</h2>
{figure(pictures["uar"], "UAR of each run with its 95 % interval by speaker")}
<p class="caption">Large mark: mean over the folds, the diamond being the reference. Small marks:
single folds. Bars: 95 % of the pooled UAR over draws of speakers. Dotted: chance.</p>
{differences}{"".join(tables)}
<h3>What their confidence is worth</h3>
{figure(pictures["calibration"], "Confidence against the share right, a line a run")}
</section>"""


_HEADER = (
    "run",
    "UAR",
    "95 % by speaker",
    "less reference",
    "95 % of that",
    "p",
    "better, worse",
    "WA",
    "ECE",
    "certain",
    "right",
)


def _row(comparison: Comparison, standing: Standing) -> list[str]:
    found, versus = standing.pooled, comparison.versus_of(standing)
    beside = ["reference", "", "", ""]
    if versus is not None:
        each = versus.difference
        beside = [
            f"{each.uar:+.3f}",
            interval(each.interval),
            f"{versus.p_corrected:.3f}",
            f"{each.better}, {each.worse}",
        ]
    return [
        escape(standing.run),
        f"<b>{standing.uar:.3f}</b>",
        interval(standing.interval),
        *beside,
        f"{found.wa:.3f}",
        f"{found.ece:.3f}",
        share(found.certain_share),
        share(found.certain_accuracy),
    ]


def _leaks(comparison: Comparison, pictures: Mapping[str, str]) -> str:
    if not comparison.leaks:
        return ""
    rows = []
    for leak in comparison.leaks:
        found = leak.flattery
        rows.append(
            [
                escape(leak.network),
                escape(leak.condition),
                "none here" if leak.honest_uar is None else f"<b>{leak.honest_uar:.3f}</b>",
                f'{leak.leaky_uar:.3f} <span class="badge leaky">leaky</span>',
                "" if found is None else f"{found.uar:+.3f}",
                "" if found is None else interval(found.interval),
                str(leak.shared),
                escape(f"{leak.honest or 'no other'}, {leak.leaky}"),
            ]
        )
    header = (
        "network",
        "test",
        "unheard speakers",
        "random split",
        "flatters by",
        "95 % of that",
        "recordings of both",
        "runs",
    )
    drawn = (
        figure(pictures["leak"], "UAR on unheard speakers and in a random split")
        if "leak" in pictures
        else ""
    )
    return (
        f'<section><h2>What a random split pretends</h2><p class="notice leaky">{_LEAKY}</p>'
        f"{drawn}{grid(header, rows)}</section>"
    )


def _cost(comparison: Comparison, pictures: Mapping[str, str]) -> str:
    rows = []
    for run in comparison.costed:
        pace, per_ms = comparison.paces.get(run.name), comparison.uar_per_ms(run)
        mark = ' <span class="badge leaky">leaky</span>' if run.leaky else ""
        rows.append(
            [
                escape(run.name) + mark,
                escape(run.network),
                run.model_size,
                "" if pace is None else f"{pace.ratio:.2f}",
                "" if pace is None else f"{pace.rtf:.5f}",
                "" if per_ms is None else f"{per_ms:.3f}",
                str(len(run.folds)),
            ]
        )
    header = (
        "run",
        "network",
        "model",
        "times reference's time",
        "RTF here",
        "UAR per ms",
        "folds",
    )
    drawn = (
        figure(pictures["cost"], "UAR against processor time, a mark a run")
        if "cost" in pictures
        else ""
    )
    return (
        f"<section><h2>What they cost</h2>{drawn}{grid(header, rows)}"
        '<p class="caption">Processor time on one thread, every window judged, measured in turns '
        "in one go: the real-time factor (RTF) is of this machine, as busy as it was; the ratio "
        "depends on that much less. UAR per ms: under the first condition, over the milliseconds "
        "that a second of audio takes here.</p></section>"
    )
