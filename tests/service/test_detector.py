import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tonewatch
from service.running import SAMPLE
from tonewatch.core.errors import NotAudioError, StoppingError, WorkerError
from tonewatch.service.detector import Detector

KEYS = ("start_s", "end_s", "label", "certain")


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    detector = Detector("voice", 1)
    yield detector
    detector.close()


def test_hears_what_the_library_hears_and_tells_the_gaps(detector: Detector) -> None:
    expected = tonewatch.analyze(SAMPLE)
    heard = asyncio.run(detector.hear(SAMPLE))
    there = expected.to_dict()["timeline"]
    assert len(heard["timeline"]) == len(there)
    for found, known in zip(heard["timeline"], there, strict=True):
        # A worker's network has one thread, which rounds the last digits another way.
        assert found["probabilities"] == pytest.approx(known["probabilities"], abs=1e-5)
        assert [found[key] for key in KEYS] == [known[key] for key in KEYS]
    assert [gap["start_s"] for gap in heard["gaps"]] == [gap.start_s for gap in expected.gaps]
    assert [(s["start_s"], s["end_s"]) for s in heard["speech"]] == list(expected.speech)


def test_it_tells_how_far_it_is_and_stops_where_it_is_cancelled(tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    long = tmp_path / "long.wav"
    soundfile.write(long, np.tile(samples, 40), rate_hz)
    told: list[float] = []

    async def cancelled() -> None:
        hearing = asyncio.ensure_future(mine.hear(long, progress=told.append))
        while not told or told[-1] == 0:
            await asyncio.sleep(0.01)
        hearing.cancel()
        await asyncio.wait({hearing})
        assert hearing.cancelled()
        # The one worker is free again long before it could have heard the rest.
        assert (await mine.hear(SAMPLE))["duration_s"] > 20

    mine = Detector("voice", 1)
    asyncio.run(cancelled())
    mine.close()
    assert told == sorted(told)
    assert told[-1] < 40 * len(samples) / rate_hz


def test_errors_come_back_from_the_worker(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a recording")
    with pytest.raises(NotAudioError):
        asyncio.run(detector.hear(tmp_path / "text"))


def test_a_worker_that_dies_is_replaced(detector: Detector) -> None:
    with pytest.raises(WorkerError, match="try another file"):
        asyncio.run(detector._run(os._exit, 1))
    assert asyncio.run(detector.hear(SAMPLE))["duration_s"] > 20


def test_only_the_file_that_breaks_a_worker_is_blamed() -> None:
    mine = Detector("voice", 1)

    async def four() -> list[object]:
        jobs = [mine.hear(SAMPLE), mine._run(os._exit, 1), mine.hear(SAMPLE), mine.hear(SAMPLE)]
        found: list[object] = await asyncio.gather(*jobs, return_exceptions=True)
        return [*found, await mine.hear(SAMPLE)]

    found = asyncio.run(four())
    mine.close()
    assert isinstance(found.pop(1), WorkerError)
    assert [type(each) for each in found] == [dict] * 4


def test_a_closed_detector_starts_no_worker() -> None:
    detector = Detector("voice", 1)
    detector.close()
    with pytest.raises(StoppingError, match="stopping"):
        asyncio.run(detector.hear(SAMPLE))
