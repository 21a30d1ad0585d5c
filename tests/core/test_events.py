from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from tonewatch.core.events import EmotionEstimated, Event, SpeechEnded


@pytest.mark.parametrize("event", get_args(Event))
def test_times_are_in_seconds_and_say_so(event: type) -> None:
    assert next(f.name for f in fields(event)) == "start_s"
    assert event.__doc__ and not event.__doc__.startswith(f"{event.__name__}(")


def test_events_are_values() -> None:
    assert SpeechEnded(0.5, 1.0) == SpeechEnded(0.5, 1.0) != SpeechEnded(0.5, 1.1)
    estimate = EmotionEstimated(0.0, 3.0, "sad", 0.9, True, {"sad": 0.9, "calm": 0.1}, 2.0)
    with pytest.raises(FrozenInstanceError):
        estimate.label = "calm"  # type: ignore[misc]
