import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tonewatch.core.errors import UnavailableError
from tonewatch.service.dashboard.calls import _Rows


def test_what_could_not_be_written_is_written_with_what_came_since() -> None:
    written: list[dict[str, Any]] = []

    def append(*entry: Any) -> None:
        if not written:
            written.append({})
            rows._shown = {"a": [9.0, 12.0, "calm"], "c": [5.0, 8.0, "calm"]}
            raise UnavailableError("the database is away")
        written.append(entry[-1]["calls"])

    async def ask(_permission: object) -> None:
        return None

    state = SimpleNamespace(audit=SimpleNamespace(append=append))
    visit: Any = SimpleNamespace(ask=ask, actor="ada", state=state)
    rows = _Rows(visit, None, "calls")  # type: ignore[arg-type]
    rows._shown = {"a": [0.0, 3.0, "calm"], "b": [1.0, 4.0, "fearful"]}
    with pytest.raises(UnavailableError):
        asyncio.run(rows.tell())
    asyncio.run(rows.tell())
    assert written[1] == {
        "a": [0.0, 12.0, "calm"],
        "b": [1.0, 4.0, "fearful"],
        "c": [5.0, 8.0, "calm"],
    }
