"""The HTML report: one page that needs nothing else, but for recordings too long to be inside.

It puts results into words and markup; `chart` draws, `page.css` and `page.js` dress and move it.
"""

import base64
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from tonewatch import __version__
from tonewatch.cli.chart import chart, clock
from tonewatch.cli.listen import Heard
from tonewatch.core.events import EmotionEstimated
from tonewatch.core.labels import colour_of, letter_of
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.timeline import Timeline

_PLAYABLE = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
}  # videos are played as MP3: their pictures would fill the page
_MAX_ORIGINAL_BYTES = 4_000_000
_MAX_EMBEDDED_S = 1800.0
_MAX_INSIDE_BYTES = 50_000_000  # of all recordings together
_MP3_BYTES_A_S = 8_000  # at most, of the MP3s made here
_MAX_ROWS = 2000


def page(bundle: Bundle, results: Sequence[Heard], channel: int | None, folder: Path) -> str:
    """The report on all results.

    Args:
        bundle: what they were heard with.
        results: timelines and errors.
        channel: which was heard; only this one can be played. None for the mix.
        folder: where the page will lie, for links to recordings that are not inside it.
    """
    style, script = _asset("page.css"), _asset("page.js")
    room = _Room(_MAX_INSIDE_BYTES)
    body = "".join(
        _recording(r, r.timeline, bundle, channel, folder, i, room)
        for i, r in enumerate(results)
        if r.timeline is not None
    )
    experimental = (
        '<p class="notice"><strong>Experimental.</strong> Do not act on what this bundle says; '
        "its card, below, tells why.</p>"
        if bundle.info.experimental
        else ""
    )
    alone = len(results) == 1
    title = _text(Path(results[0].file).name) if alone else f"{len(results)} recordings"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · Tonewatch</title><style>{style}</style></head>"
        f'<body class="{"alone" if alone else "many"}">'
        f'<header><p class="brand">Tonewatch</p><h1>{title}</h1></header><main>'
        '<p class="notice"><strong>Read with care.</strong> The model learnt from <em>acted</em> '
        "speech. It is no lie detector, it does not know what is said, and what it marks "
        "<em>unsure</em> is unknown. Nothing should be decided by it without a person.</p>"
        f"{experimental}{_failures(results)}{_contents(results)}{body}{_model(bundle)}</main>"
        f"<footer>Tonewatch {__version__} · bundle {_text(bundle.info.name)} "
        f"{_text(bundle.info.version)} · {bundle.sha256[:16]}</footer>"
        f"<script>{script}</script></body></html>\n"
    )


@dataclass
class _Room:
    """How many bytes of recordings the page still takes."""

    left: int

    def embed(self, content: bytes, kind: str) -> str:
        self.left -= len(content)
        return _data_uri(content, kind)


def _recording(
    heard: Heard,
    timeline: Timeline,
    bundle: Bundle,
    channel: int | None,
    folder: Path,
    i: int,
    room: _Room,
) -> str:
    cells = [
        {
            "start": w.start_s,
            "end": w.end_s,
            "text": _said(w) if isinstance(w, EmotionEstimated) else "no speech",
            "colour": colour_of(w.label) if isinstance(w, EmotionEstimated) else "",
        }
        for w in timeline.spans()
    ]
    data = json.dumps({"duration": timeline.duration_s, "windows": cells}).replace("<", "\\u003c")
    name = _text(Path(timeline.file).name)
    labels = bundle.info.labels
    return (
        f'<section class="recording" id="r{i}"><h2>{name}</h2>'
        f'<div class="facts">{_verdict(timeline)}'
        f"<p>{clock(timeline.duration_s)} long, {timeline.speech_s:.1f} s of speech, "
        f"{len(timeline.windows)} windows</p></div>"
        f"{_player(heard, timeline, channel, folder, room)}"
        f'<div class="scroll" tabindex="0" role="slider" aria-label="Position in {name}" '
        f'aria-valuemin="0" aria-valuemax="{timeline.duration_s:.2f}" aria-valuenow="0">'
        f"{chart(timeline, labels, heard.envelope, str(i))}</div>"
        f'<p class="now" aria-live="off">&nbsp;</p>{_legend(labels)}{_reasons(heard)}'
        f"{_windows(timeline)}"
        f'<script type="application/json" class="data">{data}</script></section>'
    )


def _verdict(timeline: Timeline) -> str:
    emotion = timeline.emotion
    if emotion is None:
        return '<p class="verdict"><span class="chip none">no speech</span></p>'
    sure = "certain" if emotion.certain else "unsure"
    return (
        f'<p class="verdict"><span class="chip">{_dot(emotion.label)}{_text(emotion.label)}</span>'
        f' <span class="confidence">{emotion.confidence:.0%}</span> '
        f'<span class="sure {sure}">{sure}</span></p>'
    )


def _player(
    heard: Heard, timeline: Timeline, channel: int | None, folder: Path, room: _Room
) -> str:
    source, inside = _source(Path(heard.file), timeline.duration_s, channel, folder, room)
    note = "" if inside else '<p class="hint">Linked, not inside this page: keep both together.</p>'
    return f'<audio controls preload="metadata" src="{escape(source)}"></audio>{note}'


def _source(
    path: Path, duration_s: float, channel: int | None, folder: Path, room: _Room
) -> tuple[str, bool]:
    """The recording as a data URI, or else a link to it; and whether it is inside the page."""
    from tonewatch.core.errors import AudioError

    kind = _PLAYABLE.get(path.suffix.lower())
    try:
        size = path.stat().st_size
        if kind and channel is None and size <= min(_MAX_ORIGINAL_BYTES, room.left):
            return room.embed(path.read_bytes(), kind), True
        if duration_s <= _MAX_EMBEDDED_S and duration_s * _MP3_BYTES_A_S <= room.left:
            import soundfile

            from tonewatch.audio.decode import load
            from tonewatch.core.signal import RATE_HZ

            file = io.BytesIO()
            soundfile.write(file, load(path, channel=channel).clip(-1, 1), RATE_HZ, format="MP3")
            return room.embed(file.getvalue(), "audio/mpeg"), True
    except (AudioError, OSError):  # it was moved since it was heard; its results stay
        pass
    try:
        link = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.resolve().as_uri(), False
    return quote(os.fsencode(Path(link).as_posix())), False


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _reasons(heard: Heard) -> str:
    """What the surest window rests on, if that was asked for."""
    found = heard.explanation
    if found is None:
        return ""
    from tonewatch.inference.explain_plot import draw_explanations

    picture = _data_uri(draw_explanations([("", found)]), "image/png")
    band, time = divmod(int(found.falls.argmax()), found.falls.shape[1])
    low_hz, high_hz = found.bands_hz[band : band + 2]
    start_s, end_s = found.times_s[time : time + 2]
    words = (
        f"{found.label}, {clock(found.start_s, 0.1)} to {clock(found.end_s, 0.1)}: the cell that "
        f"speaks for it most is {low_hz:.0f} to {high_hz:.0f} Hz from {start_s:.1f} to {end_s:.1f} "
        f"s; with it hidden, {found.probability:.0%} become "
        f"{found.probability - found.falls.max():.0%}"
    )
    return (
        "<details><summary>Why: what the surest window rests on</summary>"
        f'<p class="hint">{_text(words)}. Cells of time and frequency were hidden one by one '
        "(occlusion); framed and warm: without it the label is less likely; cool: likelier. It "
        "tells what the network used, not why somebody sounds as they do.</p>"
        f'<img src="{picture}" alt="{_text(words)}" style="max-width:100%"></details>'
    )


def _legend(labels: Sequence[str]) -> str:
    items = "".join(f"<li>{_dot(label)}{_text(label)}</li>" for label in labels)
    return (
        f'<ul class="legend">{items}<li><span class="swatch hatched"></span>unsure</li>'
        '<li><span class="swatch dotted"></span>no speech</li>'
        '<li><span class="swatch line"></span>speech</li></ul>'
    )


def _windows(timeline: Timeline) -> str:
    spans = timeline.spans()
    whole = all(w.start_s == int(w.start_s) and w.end_s == int(w.end_s) for w in spans)
    step = 1.0 if whole else 0.1
    rows = []
    for window in spans[:_MAX_ROWS]:
        time = (
            f'<td><button type="button" data-at="{window.start_s}">'
            f"{clock(window.start_s, step)}–{clock(window.end_s, step)}</button></td>"
        )
        if not isinstance(window, EmotionEstimated):
            rows.append(f'<tr>{time}<td class="quiet" colspan="4">no speech</td></tr>')
            continue
        ranked = sorted(window.probabilities.items(), key=lambda item: -item[1])
        others = ", ".join(f"{_text(label)} {p:.0%}" for label, p in ranked[1:3])
        bar = (
            f'<span class="bar"><span style="width:{window.confidence:.0%};'
            f'background:{colour_of(window.label)}"></span></span>'
        )
        sure = "certain" if window.certain else "unsure"
        rows.append(
            f"<tr>{time}<td>{_dot(window.label)}{_text(window.label)}</td>"
            f'<td class="number">{bar}{window.confidence:.0%}</td>'
            f'<td><span class="sure {sure}">{sure}</span></td><td class="quiet">{others}</td></tr>'
        )
    more = len(spans) - len(rows)
    rest = (
        f'<p class="hint">{more} more windows are in the JSON and CSV output.</p>' if more else ""
    )
    return (
        f"<details{' open' if len(spans) <= 40 else ''}><summary>Windows</summary>"
        '<div class="wide"><table><thead><tr><th>time</th><th>emotion</th><th>confidence</th>'
        f"<th>certain</th><th>next</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}"
        "</details>"
    )


def _contents(results: Sequence[Heard]) -> str:
    if sum(result.timeline is not None for result in results) < 2:
        return ""
    items = "".join(
        f'<li><a href="#r{i}">{_text(Path(r.file).name)}</a>{_verdict(r.timeline)}</li>'
        for i, r in enumerate(results)
        if r.timeline is not None
    )
    return f'<nav><ul class="contents">{items}</ul></nav>'


def _failures(results: Sequence[Heard]) -> str:
    items = "".join(
        f"<li><strong>{_text(r.file)}</strong> [{r.error_kind}] {_text(r.error)}</li>"
        for r in results
        if r.timeline is None
    )
    return (
        f'<section class="failed"><h2>Not analysed</h2><ul>{items}</ul></section>' if items else ""
    )


def _model(bundle: Bundle) -> str:
    info, calibration = bundle.info, bundle.info.calibration
    error = calibration.certain_error
    rule = f"confidence of at least {calibration.certain_threshold:.0%}"
    if error is not None:
        rule += f"; {error:.0%} of those were wrong on speakers it was not trained on"
    facts = {
        "name": f"{info.name} {info.version}",
        "labels": ", ".join(info.labels),
        "certain means": rule,
        "languages": ", ".join(info.languages),
        "licence": info.licence,
        "sha256": bundle.sha256,
    }
    rows = "".join(f"<dt>{k}</dt><dd>{_text(v)}</dd>" for k, v in facts.items() if v)
    card = bundle.card and (
        f"<details><summary>Model card</summary><pre>{_text(bundle.card)}</pre></details>"
    )
    return f'<section class="model"><h2>The model</h2><dl>{rows}</dl>{card}</section>'


def _said(window: EmotionEstimated) -> str:
    sure = "certain" if window.certain else "unsure"
    return f"{window.label} {window.confidence:.0%}, {sure}"


def _dot(label: str) -> str:
    return (
        f'<span class="swatch" style="background:{colour_of(label)}"></span>'
        f'<abbr aria-hidden="true">{escape(letter_of(label))}</abbr>'
    )


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode())


def _asset(name: str) -> str:
    return (files("tonewatch.cli") / name).read_text(encoding="utf-8")
