from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

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


def test_what_was_kept_after_the_last_look_reaches_the_page_once() -> None:
    info = SimpleNamespace(labels=("calm", "sad"))
    state = SimpleNamespace(predictor=SimpleNamespace(bundle=SimpleNamespace(info=info)))
    visit: Any = SimpleNamespace(state=state)
    heard: Any = _Heard()
    nothing: Any = None
    parts = _Parts(heard, nothing, nothing, nothing)
    feed = _Feed(visit, _found(2, [[3.0, 0.1]]), parts)
    ended = _found(4, [[3.0, 0.1], [4.0, 0.5], [6.0, 0.8]])
    feed._catch_up(ended)
    assert heard.pushed == [([2, 3], 6), (4.0, 0.5, [0.4, 0.7]), (6.0, 0.8, [0.4, 0.7])]
    feed._catch_up(ended)
    assert len(heard.pushed) == 3
