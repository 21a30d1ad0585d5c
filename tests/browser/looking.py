"""Looks at a page: whether axe-core finds anything in it, and photographs on request.

All pictures of the documentation are taken anew, as after a change of the shipped model, by

    TONEWATCH_PICTURES=1 python -m pytest tests/browser

It writes docs/pictures/dashboard/ (few and small, for the documentation) and build/pictures/ (all
sizes, to be looked at: somebody does before they are committed).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

from tonewatch.core.labels import COLOURS

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
TAKES_PICTURES = bool(os.environ.get("TONEWATCH_PICTURES"))
PHONES = ("queue", "calls", "call")
STYLE = ROOT / "src" / "tonewatch" / "service" / "dashboard" / "static" / "tonewatch.css"
_EXACT = 200
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def check(page: "Page") -> None:
    """Fail on what axe-core finds."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": list(RULES)}})
    problems = [
        f"{each['id']} ({each['impact']}): {each['help']}\n    "
        + "\n    ".join(
            f"{node['html'][:160]}\n      {node['failureSummary'][:300]}"
            for node in each["nodes"][:3]
        )
        for each in found.response["violations"]
    ]
    assert not problems, "\n".join(problems)


def photograph(page: "Page", name: str, theme: str, width: int) -> None:
    """All into build/; for the documentation 1440 of each page, and 390 of two."""
    if not TAKES_PICTURES:
        return
    page.mouse.move(0, 0)
    large = ROOT / "build" / "pictures" / f"{name}-{theme}-{width}.png"
    large.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=large, animations="disabled")
    if width == 1440 or (width == 390 and name in PHONES and theme == "dark"):
        kept = ROOT / "docs" / "pictures" / "dashboard" / large.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(_smaller(large))


def _smaller(path: Path) -> bytes:
    """The picture in 256 colours, a third of the size; emotions and dots of a state stay exact."""
    import io
    import re

    from PIL import Image

    out = io.BytesIO()
    with Image.open(path) as image:
        plain = image.convert("RGB")
    named = re.findall("#([0-9a-f]{6})", STYLE.read_text("utf-8")) + [
        c[1:] for c in COLOURS.values()
    ]
    first = {tuple(bytes.fromhex(each)) for each in named}
    found = plain.getcolors(plain.width * plain.height) or []
    counts = [(n, colour) for n, colour in found if isinstance(colour, tuple)]
    counts.sort(key=lambda each: (each[1] in first, each[0]), reverse=True)
    flat = [colour for _, colour in counts[:_EXACT]]
    rest = plain.quantize(256 - len(flat)).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in flat for part in colour] + rest[: 3 * (256 - len(flat))])
    plain.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
