import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tonewatch.core.errors import UnavailableError
from tonewatch.service.dashboard.call import _Feed, _Found, _Parts
from tonewatch.store.windows import Window


@dataclass
class _Heard:
    pushed: list[Any] = field(default_factory=list)

    def push(self, windows: list[list[Any]], duration_s: float) -> None:
        self.pushed.append(([row[1] for row in windows], duration_s))

    def push_urgency(self, at_s: float, value: float, ticks: list[float]) -> None:
        self.pushed.append((at_s, value, ticks))


def _window(start_s: float) -> Window:
    shares = {"calm": 0.75, "sad": 0.25}
    return Window(0, start_s, start_s + 3, "calm", 0.75, True, shares, 2.0)


def _found(n_windows: int, line: list[list[float]]) -> _Found:
    call: Any = SimpleNamespace(id="c")
    judged: Any = SimpleNamespace(ticks=[0.4, 0.7])
    windows = tuple(_window(start_s) for start_s in range(n_windows))
    return _Found(call, windows, None, judged, line, (), ())


def _feed(heard: Any, **state: Any) -> _Feed:
    info = SimpleNamespace(labels=("calm", "sad"))
    predictor = SimpleNamespace(bundle=SimpleNamespace(info=info))
    visit: Any = SimpleNamespace(state=SimpleNamespace(predictor=predictor, **state), actor="ada")
    nothing: Any = None
    return _Feed(visit, _found(2, [[3.0, 0.1]]), _Parts(heard, nothing, nothing, nothing))


def test_what_was_kept_after_the_last_look_reaches_the_page_once() -> None:
    heard = _Heard()
    feed = _feed(heard)
    ended = _found(4, [[3.0, 0.1], [4.0, 0.5], [6.0, 0.8]])
    feed._catch_up(ended)
    assert heard.pushed == [([2, 3], 6), (4.0, 0.5, [0.4, 0.7]), (6.0, 0.8, [0.4, 0.7])]
    feed._catch_up(ended)
    assert len(heard.pushed) == 3


def test_what_could_not_be_written_is_written_with_what_was_shown_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[list[float]] = []

    def write_down(_self: _Feed, rows: list[dict[str, Any]], _assessed: list[Any]) -> None:
        written.append([row["start_s"] for row in rows])
        if len(written) == 1:
            feed._untold.append([0, 1.0, 4.0, "calm", 0.75, True])
            raise UnavailableError("the database is away")

    monkeypatch.setattr(_Feed, "_write_down", write_down)
    feed = _feed(_Heard())
    feed._untold = [[0, 0.0, 3.0, "calm", 0.75, True], [0, 0.5, 3.5, None, 0, False]]
    with pytest.raises(UnavailableError):
        asyncio.run(feed._tell_now())
    asyncio.run(feed._tell_now())
    asyncio.run(feed._tell_now())
    assert written == [[0.0], [0.0, 1.0]]
