import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tonewatch.call.events import Assessed
from tonewatch.core.errors import UnavailableError
from tonewatch.service.dashboard.queue import _Rows

SHOWN = {"sha256": "ab", "threshold": 0.6}


def _assessed(value: float, policy: str) -> Assessed:
    urgency = {"value": value, "band": "medium"}
    return Assessed("a", 4.0, urgency, {"value": 0.1, "flagged": False}, policy)


def test_the_audit_gets_what_was_shown_last_with_its_rules_even_after_a_failure() -> None:
    written: list[dict[str, Any]] = []

    def append(_actor: str, action: str, subject: str, details: dict[str, Any]) -> None:
        assert (action, subject) == ("result.watched", "queue")
        written.append(details)
        if len(written) == 1:
            rows._shown = {"a": SHOWN | {"assessment": _assessed(0.5, "2")}}
            raise UnavailableError("the database is away")

    async def ask(_permission: object) -> None:
        return None

    policies = SimpleNamespace(told=lambda version: {"version": version})
    audit = SimpleNamespace(append=append)
    state = SimpleNamespace(audit=audit, policies=policies, triage_on=False)
    visit: Any = SimpleNamespace(ask=ask, actor="ada", state=state)
    off: Any = SimpleNamespace(visible=False)
    rows = _Rows(visit, None, "queue", off)  # type: ignore[arg-type]
    window = [3.0, "calm", 0.7, True]
    rows._shown = {
        "a": SHOWN | {"assessment": _assessed(0.4, "1")},
        "b": SHOWN | {"window": window},
    }
    with pytest.raises(UnavailableError):
        asyncio.run(rows.tell())
    asyncio.run(rows.tell())
    asyncio.run(rows.tell())
    assert written[1:] == [
        {
            "calls": {
                "a": SHOWN | {"assessment": [4.0, 0.5, "medium", 0.1, False, "2"]},
                "b": SHOWN | {"window": window},
            },
            "rules": [{"version": "2"}],
        }
    ]
    assert off.visible, "triage was switched off meanwhile"
