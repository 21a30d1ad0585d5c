import asyncio
from collections.abc import Awaitable, Callable

from nicegui import Client
from nicegui.element import Element

from tonewatch.core.errors import UnavailableError
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.visit import Visit


def _errors(client: Client) -> list[Element]:
    return [each for each in client.elements.values() if "message-error" in each.classes]


def _do(action: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await action()

    asyncio.run(run())


def test_an_error_is_there_once_and_goes_when_the_action_works_again(
    opened: Client, visit: Visit
) -> None:
    works = [False, False, False, True, False]

    async def look() -> None:
        if not works.pop(0):
            raise UnavailableError("the database is away")

    with frame(visit, "queue", "Queue"):
        action = visit.safely(look)
    shown = []
    while works:
        _do(action)
        shown.append(len(_errors(opened)))
    assert shown == [1, 1, 1, 0, 1]


def test_other_errors_stay_when_one_goes(opened: Client, visit: Visit) -> None:
    works = [False, True]

    async def look() -> None:
        if not works.pop(0):
            raise UnavailableError("the database is away")

    with frame(visit, "queue", "Queue"):
        action = visit.safely(look)
    visit.say("There is no text.", True)
    _do(action)
    assert len(_errors(opened)) == 2
    _do(action)
    (box,) = _errors(opened)
    box.delete()
    visit.say("There is no text.", True)
    assert len(_errors(opened)) == 1, "what somebody closed can be said anew"
