import json
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.call.call import _MESSAGES
from tonewatch.call.events import (
    Assessed,
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    CallWarned,
    EndReason,
    Heard,
    from_dict,
    to_dict,
)
from tonewatch.call.roles import Role
from tonewatch.core.errors import CallError
from tonewatch.core.events import (
    EmotionEstimated,
    Event,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    SoundRepeated,
    SpeechEnded,
    SpeechStarted,
    Word,
    WordsRecognised,
)
from tonewatch.inference.smoothing import Emotion

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"

numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 10)
names = st.text()
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
tables = st.dictionaries(names, numbers)
roles = st.sampled_from(Role)
words = st.lists(st.builds(Word, names, numbers, numbers, numbers)).map(tuple)
HEARD: dict[type, st.SearchStrategy[Event]] = {
    SpeechStarted: st.builds(SpeechStarted, numbers),
    SpeechEnded: st.builds(SpeechEnded, numbers, numbers),
    NoSpeech: st.builds(NoSpeech, numbers, numbers),
    EmotionEstimated: st.builds(
        EmotionEstimated, numbers, numbers, names, numbers, st.booleans(), tables, numbers
    ),
    WordsRecognised: st.builds(WordsRecognised, numbers, numbers, words, st.booleans()),
    NotTranscribed: st.builds(NotTranscribed, numbers, numbers),
    PhraseSpotted: st.builds(PhraseSpotted, numbers, numbers, names),
    SoundRepeated: st.builds(SoundRepeated, numbers, numbers, numbers, numbers),
}
scores = st.dictionaries(names, numbers | names | st.lists(tables))
emotions = st.none() | st.builds(Emotion, names, numbers, st.booleans(), tables)
EVENTS: dict[type, st.SearchStrategy[CallEvent]] = {
    CallStarted: st.builds(
        CallStarted,
        names,
        times,
        st.lists(roles).map(tuple),
        st.dictionaries(names, names),
        names,
        names,
        numbers,
    ),
    Heard: st.builds(Heard, names, counts, roles, st.one_of(*HEARD.values())),
    CallWarned: st.builds(CallWarned, names, names, names),
    AudioDropped: st.builds(AudioDropped, names, counts, numbers, numbers),
    CallEnded: st.builds(
        CallEnded, names, times, st.sampled_from(EndReason), numbers, numbers, emotions
    ),
    Assessed: st.builds(Assessed, names, numbers, scores, scores, names),
}


def test_every_event_is_tried_here() -> None:
    assert set(EVENTS) == set(get_args(CallEvent))
    assert set(HEARD) == set(get_args(Event))


@given(st.one_of(*EVENTS.values()))
def test_there_and_back_through_json(event: CallEvent) -> None:
    text = json.dumps(to_dict(event), allow_nan=False)
    back = from_dict(json.loads(text))
    assert back == event
    assert type(back) is type(event)


def test_known_answer() -> None:
    event = Heard("c1", 0, Role.CALLER, NoSpeech(0.0, 1.0))
    assert to_dict(event) == {
        "type": "heard",
        "call_id": "c1",
        "channel": 0,
        "role": "caller",
        "event": {"type": "no_speech", "start_s": 0.0, "end_s": 1.0},
    }
    ended = CallEnded("c1", datetime(2026, 1, 2, tzinfo=UTC), EndReason.HUNG_UP, 1.0, 0.0, None)
    assert to_dict(ended) == {
        "type": "call_ended",
        "call_id": "c1",
        "ended_at": "2026-01-02T00:00:00+00:00",
        "reason": "hung_up",
        "duration_s": 1.0,
        "dropped_s": 0.0,
        "emotion": None,
    }


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"type": "unheard_of"},
        {"type": ["heard"]},
        {"type": "no_speech", "start_s": 0.0, "end_s": 1.0},  # of an analyser, not of a call
        {"type": "call_warned", "call_id": "c1", "code": "x"},
        {"type": "call_warned", "call_id": "c1", "code": "x", "message": "y", "more": 1},
        {"type": "heard", "call_id": "c1", "channel": 0, "role": "king", "event": {}},
        {"type": "heard", "call_id": "c1", "channel": 0, "role": "caller", "event": None},
        {"type": "heard", "call_id": "c1", "channel": 0, "role": "caller", "event": {"type": "x"}},
        {"type": "call_ended", "call_id": "c1", "ended_at": "yesterday", "reason": "finished"},
    ],
)
def test_what_is_no_event_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(CallError, match="expected"):
        from_dict(table)


@pytest.mark.parametrize("event", get_args(CallEvent))
def test_every_event_is_documented_with_its_fields(event: type[Any]) -> None:
    rows = re.split(r"^\| (?=`)", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (row,) = (row for row in rows if row.startswith(f"`{event.__name__}`"))
    named = {f"`{field.name}`" for field in fields(event)} - {"`call_id`"}
    assert named <= set(re.findall(r"`\w+`", row))


def test_every_reason_and_warning_is_documented() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert all(f"`{reason}`" in text for reason in EndReason)
    assert all(f"| `{code}` |" in text for code in _MESSAGES)
