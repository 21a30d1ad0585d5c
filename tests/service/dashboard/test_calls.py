import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tonewatch.core.errors import UnavailableError
from tonewatch.service.dashboard.calls import _Feed


def test_what_could_not_be_written_is_written_with_what_came_since() -> None:
    written: list[dict[str, Any]] = []

    async def run(_permission: object, _append: object, *entry: Any) -> None:
        if not written:
            written.append({})
            feed._shown = {"a": [9.0, 12.0, "calm"], "c": [5.0, 8.0, "calm"]}
            raise UnavailableError("the database is away")
        written.append(entry[-1]["calls"])

    audit = SimpleNamespace(append=None)
    visit: Any = SimpleNamespace(run=run, actor="ada", state=SimpleNamespace(audit=audit))
    feed = _Feed(visit, rows=None)  # type: ignore[arg-type]
    feed._shown = {"a": [0.0, 3.0, "calm"], "b": [1.0, 4.0, "fearful"]}
    with pytest.raises(UnavailableError):
        asyncio.run(feed.tell())
    asyncio.run(feed.tell())
    assert written[1] == {
        "a": [0.0, 12.0, "calm"],
        "b": [1.0, 4.0, "fearful"],
        "c": [5.0, 8.0, "calm"],
    }
