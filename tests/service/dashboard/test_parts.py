import asyncio
from collections.abc import Awaitable, Callable

from nicegui import Client

from tonewatch.service.dashboard.parts import Loaded, tag
from tonewatch.service.dashboard.visit import Visit


def _texts(client: Client) -> list[str]:
    return [str(getattr(each, "text", "")) for each in client.elements.values()]


def asked_twice(visit: Visit, fetch: Callable[[], Awaitable[str]]) -> None:
    """Two refreshes at once, of which the second was asked for last."""

    def show(name: str) -> None:
        tag("p", name)

    loaded = Loaded(visit, fetch, show)

    async def run() -> None:
        await asyncio.gather(loaded.refresh(), loaded.refresh())

    asyncio.run(run())


def test_a_slow_answer_never_takes_the_place_of_a_newer_one(opened: Client, visit: Visit) -> None:
    waits_s = {"old": 0.1, "new": 0.0}
    asked = iter(waits_s)

    async def fetch() -> str:
        name = next(asked)
        await asyncio.sleep(waits_s[name])
        return name

    asked_twice(visit, fetch)
    assert "new" in _texts(opened)
    assert "old" not in _texts(opened)


def test_a_slow_error_never_takes_the_place_of_a_newer_answer(opened: Client, visit: Visit) -> None:
    failures = iter((True, False))

    async def fetch() -> str:
        if next(failures):
            await asyncio.sleep(0.1)
            raise OSError
        return "new"

    asked_twice(visit, fetch)
    assert "new" in _texts(opened)
    assert visit.texts("error.title") not in _texts(opened)


def test_what_cannot_be_drawn_is_an_error_with_a_retry(opened: Client, visit: Visit) -> None:
    async def fetch() -> dict[str, str]:
        return {}

    def show(found: dict[str, str]) -> None:
        tag("p", "half of it")
        tag("p", found["missing"])

    asyncio.run(Loaded(visit, fetch, show).refresh())
    assert visit.texts("error.again") in _texts(opened)
    assert "half of it" not in _texts(opened)
