import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tonewatch
from service.running import SAMPLE
from tonewatch.core.errors import NotAudioError, WorkerError
from tonewatch.service.detector import Detector


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    detector = Detector("voice", 1)
    yield detector
    detector.close()


def test_hears_what_the_library_hears_and_tells_the_gaps(detector: Detector) -> None:
    expected = tonewatch.analyze(SAMPLE)
    heard = asyncio.run(detector.hear(SAMPLE))
    assert heard["timeline"] == expected.to_dict()["timeline"]
    assert [gap["start_s"] for gap in heard["gaps"]] == [gap.start_s for gap in expected.gaps]
    assert [(s["start_s"], s["end_s"]) for s in heard["speech"]] == list(expected.speech)


def test_errors_come_back_from_the_worker(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a recording")
    with pytest.raises(NotAudioError):
        asyncio.run(detector.hear(tmp_path / "text"))


def test_a_worker_that_dies_is_replaced(detector: Detector) -> None:
    with pytest.raises(WorkerError, match="try another file"):
        asyncio.run(detector._run(os._exit, 1))
    assert asyncio.run(detector.hear(SAMPLE))["duration_s"] > 20


def test_a_closed_detector_starts_no_worker() -> None:
    detector = Detector("voice", 1)
    detector.close()
    with pytest.raises(WorkerError, match="stopping"):
        asyncio.run(detector.hear(SAMPLE))
