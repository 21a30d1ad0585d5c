"""Hears recordings in processes of their own, away from the event loop and from live calls.

A file from outside can end its worker, not the service; what else was there is heard again, each
alone. It knows paths, no store and no request.
"""

import asyncio
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any, TypeVar

from tonewatch.core.errors import StoppingError, WorkerError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.core.workers import workers
from tonewatch.inference.explain_plot import draw_explanations
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.recording import analyze, explain_recording
from tonewatch.service.intake import Taken, outline, take
from tonewatch.service.takes import Checked, check

T = TypeVar("T")

_TELL_EVERY_S = 0.5


class Detector:
    """A pool of workers that is started when first needed.

    Args:
        bundle: name or path of the bundle.
        jobs: how many processes.
    """

    def __init__(self, bundle: str, jobs: int) -> None:
        self._bundle = bundle
        self._jobs = jobs
        self._stop: Flag = get_context("spawn").Event()
        self._lock = threading.Lock()
        self._one_by_one = asyncio.Lock()
        self._stack: ExitStack | None = None
        self._pool: Any = None

    async def take(self, path: Path, longest_s: float, to_flac: bool) -> Taken:
        """See `intake.take`."""
        return await self._run(take, path, longest_s, to_flac)

    async def hear(
        self,
        path: Path,
        *,
        channel: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> dict[str, Any]:
        """What is heard in a file: the timeline as a dictionary, with the windows without speech.

        Args:
            path: of the file.
            channel: hear this one alone, counted from 0; None for the mean of all.
            progress: told now and then how many seconds of it are heard. With it, the worker stops
                within a block once this is cancelled.

        Raises:
            AudioError: it cannot be heard.
        """
        if progress is None:
            return await self._run(_hear, path, channel)
        with tempfile.TemporaryDirectory(prefix="tonewatch-") as folder:
            told = Path(folder) / "heard_s"  # the worker goes on as long as it is there
            told.write_text("0", encoding="ascii")
            hearing = asyncio.ensure_future(self._run(_hear, path, channel, told))
            try:
                while not hearing.done():
                    await asyncio.wait({hearing}, timeout=_TELL_EVERY_S)
                    progress(float(told.read_text(encoding="ascii") or 0))
                return await hearing
            finally:
                hearing.cancel()

    async def explain(
        self, path: Path, start_s: float, channel: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """What the window from `start_s` rests on: `Explanation.to_dict`, and a PNG of it.

        `channel` is as for `hear`.

        Raises:
            AudioError: it cannot be heard.
            SettingsError: no window begins there.
        """
        return await self._run(_explain, path, start_s, channel)

    async def outline(self, path: Path) -> list[float]:
        """See `intake.outline`."""
        return await self._run(outline, path)

    async def check_take(self, path: Path) -> Checked:
        """See `takes.check`."""
        return await self._run(_check_take, path)

    def close(self) -> None:
        """Stop what runs, within a second or so, and end the workers."""
        self._stop.set()
        self._end()

    async def _run(self, what: Callable[..., T], *arguments: Any) -> T:
        pool = await asyncio.to_thread(self._started)
        try:
            result: T = await asyncio.wrap_future(pool.submit(what, *arguments))
        except BrokenProcessPool:  # by this job or by another that was in it
            await asyncio.to_thread(self._end, pool)
            async with self._one_by_one:
                result = await self._run_alone(what, *arguments)
        return result

    async def _run_alone(self, what: Callable[..., T], *arguments: Any) -> T:
        """Run it in a worker of its own: where that ends too, nobody else is to blame."""
        stack = ExitStack()
        try:
            pool = await asyncio.to_thread(self._start, stack, 1)
            result: T = await asyncio.wrap_future(pool.submit(what, *arguments))
        except BrokenProcessPool as error:
            raise WorkerError(
                "expected to hear the recording, its worker ended instead (the file broke the "
                "decoder, or memory ran out); try another file"
            ) from error
        finally:
            await asyncio.to_thread(stack.close)
        return result

    def _started(self) -> Any:
        with self._lock:
            if self._pool is None:
                stack = ExitStack()
                self._pool = self._start(stack, self._jobs)
                self._stack = stack
            return self._pool

    def _start(self, stack: ExitStack, jobs: int) -> Any:
        if self._stop.is_set():
            raise StoppingError("expected a running service, it is stopping; try again later")
        return stack.enter_context(workers(jobs, _begin, (self._bundle, self._stop)))

    def _end(self, pool: Any = None) -> None:
        """End the workers; with `pool` only while they are those."""
        with self._lock:
            if pool is not None and self._pool is not pool:
                return
            stack, self._stack, self._pool = self._stack, None, None
        if stack is not None:
            stack.close()


_predictor: Predictor | None = None
_stopping: Flag | None = None
_bundle_name = ""


def _begin(bundle: str, stop: Flag) -> None:
    """What each worker does first."""
    global _bundle_name, _stopping
    _bundle_name, _stopping = bundle, stop
    # The service itself ends its workers; Ctrl+C reaches them too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _loaded() -> Predictor:
    global _predictor
    if _predictor is None:
        _predictor = Predictor.load(_bundle_name)
    return _predictor


def _check_take(path: Path) -> Checked:
    return check(path, _loaded())


def _explain(path: Path, start_s: float, channel: int | None) -> tuple[dict[str, Any], bytes]:
    found = explain_recording(path, start_s, _loaded(), channel=channel, on_block=_go_on)
    return found.to_dict(), draw_explanations([("", found)])


def _go_on(_block: object) -> None:
    if _stopping is not None and _stopping.is_set():
        raise StoppingError("expected to hear the recording, the service is stopping; try again")


class _Telling:
    """Writes down how many seconds are heard, and stops where nobody waits for more."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self._n_samples = 0

    def __call__(self, block: Samples) -> None:
        _go_on(block)
        self._n_samples += len(block)
        try:
            with self._told.open("r+", encoding="ascii") as file:
                file.write(f"{self._n_samples / RATE_HZ:.1f}")
                file.truncate()  # a job that runs again begins with less
        except FileNotFoundError as error:
            raise WorkerError(
                "expected somebody to wait for the recording, it was cancelled"
            ) from error


def _hear(path: Path, channel: int | None, told: Path | None = None) -> dict[str, Any]:
    on_block = _go_on if told is None else _Telling(told)
    timeline = analyze(path, bundle=_loaded(), channel=channel, on_block=on_block)
    gaps = [{"start_s": gap.start_s, "end_s": gap.end_s} for gap in timeline.gaps]
    speech = [{"start_s": start, "end_s": end} for start, end in timeline.speech]
    return timeline.to_dict() | {"gaps": gaps, "speech": speech}
