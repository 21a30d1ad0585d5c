"""Looks at a page: whether axe-core finds anything in it, and photographs on request.

`TONEWATCH_PICTURES=1` writes docs/pictures/dashboard/ (few and small, for the documentation) and
build/pictures/ (all sizes, to be looked at).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
TAKES_PICTURES = bool(os.environ.get("TONEWATCH_PICTURES"))
PHONES = ("queue", "calls", "call")
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
    """The picture in at most 256 colours, which is enough for flat ones and a third of the size."""
    import io

    from PIL import Image

    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
