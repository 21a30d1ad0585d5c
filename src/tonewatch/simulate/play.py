"""Many calls, each sent when its time comes; all of them are ended properly whatever happens."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tonewatch.core.errors import PlayError
from tonewatch.simulate.client import Met, Where, chunks, send
from tonewatch.simulate.render import Labels, Simulated
from tonewatch.simulate.upcoming import Upcoming

_AHEAD_S = 5.0  # a call is made so long before it begins, not all of them at once
_SHOWN_S = 0.5


@dataclass(frozen=True, slots=True)
class Played:
    """A call that was sent, what is true of it and what it met."""

    labels: Labels
    met: Met


@dataclass
class Run:
    """What was played so far.

    Attributes:
        total: how many calls there are to be.
        played: those begun, in the order in which they began.
        ended: how many of them are over.
        behind_s: the most by which a call began too late, as it was not yet made.
        interrupted: whether somebody stopped it.
    """

    total: int
    played: list[Played] = field(default_factory=list)
    ended: int = 0
    behind_s: float = 0.0
    interrupted: bool = False

    @property
    def latencies_s(self) -> list[float]:
        """Of all windows of all calls."""
        return [each for played in self.played for each in played.met.latency_s]

    def summary(self) -> dict[str, Any]:
        """The numbers, JSON-safe; latencies are None where no window came."""
        met = [played.met for played in self.played]
        latencies = self.latencies_s
        return {
            "calls": self.total,
            "begun": len(met),
            "finished": sum(each.reason == "finished" for each in met),
            "hung_up": sum(each.reason == "hung_up" for each in met),
            "troubled": sum(bool(each.trouble) for each in met),
            "windows": sum(each.windows for each in met),
            **{
                f"latency_p{percent}_s": float(np.percentile(latencies, percent))
                if latencies
                else None
                for percent in (50, 95, 99)
            },
            "sent_s": round(sum(each.sent_s for each in met), 3),
            "dropped_s": round(sum(each.dropped_s for each in met), 3),
            "behind_s": round(self.behind_s, 3),
            "late_s": max((each.late_s for each in met), default=0.0),
            "words_s": round(sum(each.words_s for each in met), 3),
            "given_up_s": round(sum(each.given_up_s for each in met), 3),
            "interrupted": self.interrupted,
        }


async def play(
    upcoming: Sequence[Upcoming], where: Where, show: Callable[[Run], None] = lambda run: None
) -> Run:
    """Send calls; when the task is cancelled (Ctrl-C), hang up those that are open and return.

    Args:
        upcoming: in the order in which they begin.
        where: to whom.
        show: called twice a second, for a display.

    Raises:
        PlayError: no service is there, or it takes no calls from here; the others were ended.
        TonewatchError: what making a call raises, likewise.
    """
    run = Run(len(upcoming))
    stop = asyncio.Event()
    failures: list[PlayError] = []
    open_calls: set[asyncio.Task[None]] = set()

    async def one(call: Simulated) -> None:
        played = Played(call.labels, Met())
        run.played.append(played)
        labels = call.labels
        # Lists show the place, so that nobody takes it for a call.
        metadata = {**labels.metadata, "simulated": labels.id, "place": "simulated"}
        try:
            await send(where, chunks(call.samples), labels.roles, metadata, stop, played.met)
        except PlayError as error:
            failures.append(error)
            stop.set()
        finally:
            run.ended += 1

    async def conduct() -> None:
        began = time.monotonic()
        for each in upcoming:
            if await _stopped(stop, began + each.at_s - _AHEAD_S - time.monotonic()):
                return
            call = await asyncio.to_thread(each.make)
            if await _stopped(stop, began + each.at_s - time.monotonic()):
                return
            run.behind_s = max(run.behind_s, time.monotonic() - began - each.at_s)
            task = asyncio.create_task(one(call))
            open_calls.add(task)

    async def display() -> None:
        while True:
            show(run)
            await asyncio.sleep(_SHOWN_S)

    showing = asyncio.create_task(display())
    conducting = asyncio.create_task(conduct())
    try:
        await asyncio.wait({conducting})
        if open_calls and conducting.exception() is None:
            await asyncio.wait(open_calls)
    except asyncio.CancelledError:
        run.interrupted = True
    finally:
        # However it came here, whoever speaks says goodbye.
        stop.set()
        await asyncio.wait({conducting, *open_calls})
        showing.cancel()
        show(run)
    if failures:
        raise failures[0]
    for task in (conducting, *open_calls):
        task.result()
    return run


async def _stopped(stop: asyncio.Event, after_s: float) -> bool:
    """Wait; whether it was stopped meanwhile."""
    if after_s > 0:
        try:
            await asyncio.wait_for(stop.wait(), after_s)
        except TimeoutError:
            return stop.is_set()
    return stop.is_set()
