import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.audio.vad import VadSettings, VoiceActivity
from tonewatch.core.errors import SettingsError
from tonewatch.core.events import SpeechEnded, SpeechStarted

# At 10 frames a second: on at 0.6, off below 0.4, bursts of 2 frames, pauses of 3.
SETTINGS = VadSettings(0.6, 0.4, min_speech_s=0.2, hangover_s=0.3)


def heard(probabilities: list[float], cuts: tuple[int, ...] = ()) -> list[object]:
    voice = VoiceActivity(SETTINGS, rate_hz=10, remember_s=100)
    edges = [0, *sorted(cuts), len(probabilities)]
    events: list[object] = []
    for start, end in itertools.pairwise(edges):
        events += voice.push(probabilities[start:end])
    return events + voice.finish()


@pytest.mark.parametrize(
    ("probabilities", "segments"),
    [
        ([], []),
        ([0.1] * 20, []),
        ([0.5] * 20, []),  # never reaches the upper threshold
        ([0, 0, 0.9, 0.9, 0.9, 0, 0, 0, 0], [(0.2, 0.5)]),
        ([0.9, 0, 0.9, 0, 0.9, 0], []),  # bursts of one frame
        ([0.9, 0.9, 0, 0, 0.9, 0, 0, 0], [(0.0, 0.5)]),  # a pause of two is bridged
        ([0.9, 0.9, 0, 0, 0, 0.9, 0.9], [(0.0, 0.2), (0.5, 0.7)]),
        ([0.9, 0.5, 0.5, 0.5, 0.3], [(0.0, 0.4)]),  # the lower threshold holds it
        ([1.0] * 7, [(0.0, 0.7)]),
    ],
)
def test_known_segments(probabilities: list[float], segments: list[tuple[float, float]]) -> None:
    ended = [e for e in heard(probabilities) if isinstance(e, SpeechEnded)]
    assert [(e.start_s, e.end_s) for e in ended] == segments


probabilities = st.lists(st.floats(0, 1), max_size=80)


@given(probabilities, st.lists(st.integers(0, 80), max_size=6))
def test_cuts_change_nothing(values: list[float], cuts: list[int]) -> None:
    inside = tuple(min(cut, len(values)) for cut in cuts)
    assert heard(values, inside) == heard(values)


@given(probabilities)
def test_segments_are_long_enough_apart_and_announced(values: list[float]) -> None:
    events = heard(values)
    ended = [e for e in events if isinstance(e, SpeechEnded)]
    started = [e for e in events if isinstance(e, SpeechStarted)]
    assert [e.start_s for e in started] == [e.start_s for e in ended]
    assert all(e.end_s - e.start_s >= 0.2 - 1e-9 for e in ended)
    assert all(b.start_s - a.end_s >= 0.3 - 1e-9 for a, b in itertools.pairwise(ended))


def test_speech_in_a_span_counts_ended_and_open_segments() -> None:
    voice = VoiceActivity(SETTINGS, rate_hz=10, remember_s=100)
    voice.push([0.9] * 5 + [0.0] * 5 + [0.9] * 4)
    assert voice.speech_s(0, 1.4) == pytest.approx(0.9)
    assert voice.speech_s(0.4, 1.1) == pytest.approx(0.2)
    assert voice.speech_s(0.5, 1.0) == 0


def test_what_is_remembered_stays_small() -> None:
    voice = VoiceActivity(SETTINGS, rate_hz=10, remember_s=3)
    for _ in range(500):
        voice.push([0.9, 0.9, 0, 0, 0])
    assert len(voice._segments) <= 8
    assert voice.speech_s(500 * 0.5 - 3, 500 * 0.5) == pytest.approx(1.2)


def test_window_needs_speech() -> None:
    settings = VadSettings()
    assert settings.needed_s(3) == pytest.approx(0.3)
    assert settings.needed_s(10) == pytest.approx(1.0)
    assert settings.needed_s(0.4) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_on": 0.3, "threshold_off": 0.5},
        {"threshold_on": 1.0},
        {"threshold_off": 0.0},
        {"min_speech_s": -1},
        {"min_in_window_share": 2},
        {"threshold_on": float("nan")},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        VadSettings(**wrong)
