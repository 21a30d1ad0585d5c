"""Looks at a page: whether axe-core finds anything in it, and photographs on request.

All pictures of the documentation are taken anew, as after a change of the shipped model, by

    TONEWATCH_PICTURES=1 python -m pytest tests/browser

It writes docs/pictures/ (few and small, for the documentation) and build/pictures/ (all sizes, to
be looked at: somebody does before they are committed).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

from tonewatch.core.labels import COLOURS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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


def keep(page: "Page", name: str) -> None:
    """A picture of what is no page of the dashboard, under its own name in docs/pictures/."""
    if TAKES_PICTURES:
        large = ROOT / "build" / "pictures" / f"{name}.png"
        large.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=large, animations="disabled")
        (ROOT / "docs" / "pictures" / f"{name}.png").write_bytes(_smaller(large))


def _smaller(path: Path) -> bytes:
    """The picture in 256 colours, a third of the size.

    White, what the style names and the emotions stay exact, as legends and dots speak of them;
    Pillow's own search for the nearest colour is not exact.
    """
    import io
    import re

    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        plain = image.convert("RGB")
    packed = np.asarray(plain).astype(np.int64) @ (65536, 256, 1)
    colours, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    named = re.findall("#([0-9a-f]{6})", STYLE.read_text("utf-8")) + [
        c[1:] for c in COLOURS.values()
    ]
    first = np.isin(colours, [int(each, 16) for each in named])
    exact = colours[np.lexsort((-counts, ~first))][:_EXACT]
    rest = np.array(plain.quantize(256 - len(exact)).getpalette()).reshape(-1, 3)
    palette = np.vstack([_parts(exact), rest[: 256 - len(exact)]])
    far = ((_parts(colours)[:, None] - palette) ** 2).sum(axis=2)
    small = Image.fromarray(far.argmin(axis=1)[where].reshape(packed.shape).astype(np.uint8), "P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def _parts(packed: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Red, green and blue of colours, shape [n, 3]."""
    import numpy as np

    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
