import asyncio

import pytest
from nicegui import Client, ui

from tonewatch.service.dashboard.visit import ShutOutError, SignedOutError, Visit


@pytest.mark.parametrize(
    ("error", "expected"),
    [(SignedOutError, "'/signin?next=%2Fui%2Fqueue'"), (ShutOutError, "'/queue'")],
)
def test_the_page_of_somebody_who_may_see_it_no_more_gets_nothing_more(
    opened: Client, visit: Visit, error: type[Exception], expected: str
) -> None:
    ended: list[str] = []

    class Timer(ui.timer):
        def cancel(self, *, with_current_invocation: bool = False) -> None:
            ended.append(str(self.interval))
            super().cancel(with_current_invocation=with_current_invocation)

    async def look() -> None:
        raise error

    Timer(0.5, lambda: None)
    with ui.row():
        Timer(15.0, lambda: None)

    async def run() -> None:
        with opened:
            await visit.safely(look)()

    asyncio.run(run())
    assert ended == ["0.5", "15.0"]
    sent = [message for _, _, message in opened.outbox.messages]
    assert any(expected in str(each) for each in sent)
