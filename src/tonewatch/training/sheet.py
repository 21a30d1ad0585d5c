"""What the pages of training share: their dress, tables, and numbers in words.

Light or dark as the reader's system is, no script, nothing loaded from elsewhere. It knows no run.
"""

from collections.abc import Iterable, Sequence
from html import escape
from string import Template


def sheet(title: str, body: Iterable[str]) -> str:
    """A whole page of these parts."""
    return _PAGE.substitute(title=escape(title), body="\n".join(body))


def grid(
    header: Iterable[str], rows: Iterable[Sequence[str]], last: Sequence[str] | None = None
) -> str:
    """A table; `last` is its foot."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{''.join(f'<td>{cell}</td>' for cell in last)}</tr></tfoot>" if last else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def figure(svg: str, alt: str) -> str:
    """A drawing, with words for who cannot see it."""
    return f'<figure role="img" aria-label="{escape(alt)}">{svg}</figure>'


def interval(ends: tuple[float, float] | None) -> str:
    """An interval in words; there is none of too few speakers."""
    return "too few speakers" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def share(value: float | None) -> str:
    """A share in per cent."""
    return "none" if value is None or value != value else f"{value:.0%}"


def duration(seconds: float) -> str:
    """A length of time in words."""
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
