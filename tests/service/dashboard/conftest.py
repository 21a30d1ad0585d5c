from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import Client, background_tasks, ui

from tonewatch.service.dashboard.texts import texts
from tonewatch.service.dashboard.visit import Visit


def _never(work: Coroutine[Any, Any, None], **_: object) -> None:
    work.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A page that is open, though in no browser, whose timers do not run; elements go into it."""
    monkeypatch.setattr(background_tasks, "create_or_defer", _never)
    client = Client(ui.page("/opened"))
    with client:
        yield client
    client.delete()


@pytest.fixture
def visit() -> Visit:
    """Whoever looks at a page, at a service that does nothing."""
    bundle = SimpleNamespace(info=SimpleNamespace(experimental=False))
    state: Any = SimpleNamespace(predictor=SimpleNamespace(bundle=bundle))
    url = SimpleNamespace(path="/ui/queue", query="")
    request: Any = SimpleNamespace(url=url, query_params={})
    watch: Any = None
    return Visit(state, request, None, texts("en"), "dark", True, watch)
