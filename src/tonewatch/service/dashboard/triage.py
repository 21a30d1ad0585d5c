"""Triage: the rules by which calls are assessed, and how its scores drift."""

from collections.abc import Callable

from tonewatch.service.dashboard.drift import drift
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import link, tag
from tonewatch.service.dashboard.policy import policy
from tonewatch.service.dashboard.visit import Visit

_PARTS: dict[str, Callable[[Visit], None]] = {"policy": policy, "drift": drift}


async def build(visit: Visit) -> None:
    """The page; `?part=` says which part is open."""
    texts = visit.texts
    asked = visit.request.query_params.get("part", "")
    current = asked if asked in _PARTS else next(iter(_PARTS))
    with frame(visit, "triage", texts("triage.title")):
        with tag("nav", classes="tabs", aria_label=texts("triage.parts")):
            for key in _PARTS:
                here = "page" if key == current else None
                address = f"{PATH}/triage?part={key}"
                link(texts(f"triage.{key}"), address, aria_current=here)
        _PARTS[current](visit)
