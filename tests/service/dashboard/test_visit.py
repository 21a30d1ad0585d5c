import asyncio

from nicegui import Client, ui

from tonewatch.service.dashboard.visit import SignedOutError, Visit


def test_the_page_of_somebody_who_is_signed_out_gets_nothing_more(
    opened: Client, visit: Visit
) -> None:
    ended: list[str] = []

    class Timer(ui.timer):
        def cancel(self, *, with_current_invocation: bool = False) -> None:
            ended.append(str(self.interval))
            super().cancel(with_current_invocation=with_current_invocation)

    async def look() -> None:
        raise SignedOutError

    Timer(0.5, lambda: None)
    with ui.row():
        Timer(15.0, lambda: None)

    async def run() -> None:
        with opened:
            await visit.safely(look)()

    asyncio.run(run())
    assert ended == ["0.5", "15.0"]
    sent = [message for _, _, message in opened.outbox.messages]
    assert any("/ui/signin?next=%2Fui%2Fqueue" in str(each) for each in sent)
