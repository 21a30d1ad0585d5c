"""Triage of live calls: what is told, kept, taken back; turn by turn, and in a running service."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.live.talk import Talk, key, spoken
from service.live.test_live import ended, wait_for
from service.running import Clock, Service
from tonewatch.call.events import (
    Assessed,
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    EndReason,
    Heard,
    from_dict,
)
from tonewatch.call.roles import Role
from tonewatch.call.sinks import Hub
from tonewatch.core.errors import UnavailableError
from tonewatch.core.events import (
    EmotionEstimated,
    Event,
    NoSpeech,
    SpeechEnded,
    SpeechStarted,
    Word,
    WordsRecognised,
)
from tonewatch.service.live.keeper import Item
from tonewatch.service.live.triage import Triage
from tonewatch.store.assessments import AssessmentKind
from tonewatch.store.users import UserRole
from tonewatch.triage.policy import Policy, shipped

CLOCK = Clock()
FEAR = {"fearful": 0.9, "calm": 0.1}


def started(call_id: str = "c", **metadata: str) -> CallStarted:
    return CallStarted(
        call_id, CLOCK(), (Role.CALLER, Role.CALL_TAKER), metadata, "voice", "0" * 64, 0.6
    )


def window(start_s: float, *, role: Role = Role.CALLER, call_id: str = "c") -> Heard:
    estimate = EmotionEstimated(start_s, start_s + 3, "fearful", 0.9, True, FEAR, 2.0)
    return Heard(call_id, int(role is Role.CALL_TAKER), role, estimate)


def words(text: str, start_s: float, *, role: Role = Role.CALLER) -> Heard:
    spoken = tuple(Word(word, start_s, start_s + 0.4, 0.9) for word in text.split())
    return Heard("c", 0, role, WordsRecognised(start_s, start_s + 2, spoken, True))


ENDED = CallEnded("c", CLOCK(), EndReason.FINISHED, 9.0, 0.0, None)


class Room:
    """A triage whose turns a test takes."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.policy = shipped()
        self.on = True
        self.late_words = False
        self.over = False
        self.now = 100.0
        self.told: list[Assessed] = []
        self.kept: list[Item] = []
        self.before = 0
        self.triage = Triage(
            self.hub.subscribe("triage", capacity=100),
            policy=self._policy,
            is_on=lambda: self.on and self.policy.enabled,
            tell=self._tell,
            keep=self.kept.append,
            calls_before=lambda _number, _call: self._before(),
            has_late_words=lambda _: self.late_words,
            clock=lambda: self.now,
        )

    def turn(self, *events: CallEvent, after_s: float = 1.0) -> list[Assessed]:
        """What is told after these events and so much time."""
        self.hub.publish(events)
        self.now += after_s
        n = len(self.told)
        self.triage.turn()
        return self.told[n:]

    def _policy(self) -> Policy:
        return self.policy

    def _before(self) -> int:
        if self.before < 0:
            raise UnavailableError("away")
        return self.before

    def _tell(self, call_id: str, events: Sequence[CallEvent]) -> bool:
        assert all(isinstance(event, Assessed) for event in events)
        if not self.over:
            self.told += [event for event in events if isinstance(event, Assessed)]
        return not self.over


@pytest.fixture
def room() -> Room:
    return Room()


def test_only_what_changes_is_told_and_once_a_second(room: Room) -> None:
    (first,) = room.turn(started())
    assert (first.at_s, first.policy) == (0.0, shipped().version)
    (second,) = room.turn(window(0.0))
    assert second.urgency["value"] > first.urgency["value"]
    assert room.turn(window(1.0), after_s=0.2) == []
    assert len(room.turn(after_s=0.8)) == 1
    assert room.turn(window(2.0)) != []  # three windows are full strength
    assert room.turn(window(2.5)) == []
    assert room.turn(after_s=60) == []


def test_call_taker_is_not_judged(room: Room) -> None:
    room.turn(started())
    assert room.turn(window(0.0, role=Role.CALL_TAKER)) == []
    assert room.turn(words("there is a fire", 0.0, role=Role.CALL_TAKER)) == []


def test_words_and_numbers_that_called_before(room: Room) -> None:
    room.before = 2
    (first,) = room.turn(started(number="+49 30"))
    assert "repeated number" in first.check["reason"]
    (second,) = room.turn(words("there is a fire in the kitchen", 1.0))
    assert second.urgency["band"] == "high"
    room.before = -1  # the database is away: nobody knows, and the call goes on
    assert len(room.turn(started("d", number="+49 30"))) == 1


def test_switched_off_all_is_taken_back_and_nothing_is_learnt(room: Room) -> None:
    room.turn(started(), window(0.0))
    room.policy = room.policy.switched(False, "off")
    (taken_back,) = room.turn(words("there is a fire", 1.0), after_s=0.0)
    assert (taken_back.urgency, taken_back.check) == ({}, {})
    assert room.turn(window(1.0)) == []
    room.policy = room.policy.switched(True, "on")
    (again,) = room.turn()
    assert again.policy == "on"
    assert [c["cue"] for c in again.urgency["contributions"]] == ["fear"]


def heard(event: Event, *, role: Role = Role.CALLER) -> Heard:
    return Heard("c", int(role is Role.CALL_TAKER), role, event)


def cues(found: Assessed) -> set[str]:
    parts = (*found.urgency["contributions"], *found.check["contributions"])
    return {part["cue"] for part in parts}


def test_lost_audio_is_no_silence(room: Room) -> None:
    room.turn(started(), heard(SpeechStarted(1.0)), heard(SpeechEnded(1.0, 5.0)))
    (silent,) = room.turn(heard(NoSpeech(12.0, 15.0)))
    assert "silence_after_speech" in cues(silent)
    assert room.turn(AudioDropped("c", 1, 15.0, 5.0)) == [], "nobody is judged there"
    (lost,) = room.turn(AudioDropped("c", 0, 15.0, 20.0), heard(NoSpeech(32.0, 35.0)))
    assert cues(lost) == set()


def test_who_speaks_while_scoring_is_off_is_not_silent(room: Room) -> None:
    room.turn(started(), heard(SpeechStarted(1.0)), heard(SpeechEnded(1.0, 5.0)))
    room.on = False
    room.turn(heard(SpeechStarted(6.0)), window(9.0))
    room.turn(heard(SpeechEnded(6.0, 59.0)), heard(SpeechStarted(60.0)), window(50.0))
    room.on = True
    (speaking,) = room.turn(heard(NoSpeech(61.0, 64.0)))
    assert cues(speaking) == set()
    (silent,) = room.turn(heard(SpeechEnded(60.0, 65.0)), heard(NoSpeech(66.0, 69.0)))
    (part,) = silent.urgency["contributions"]
    assert part["numbers"] == {"silent_s": 4.0}


def test_new_rules_are_told_at_once(room: Room) -> None:
    room.turn(started())
    room.policy = room.policy.switched(True, "next")
    assert [event.policy for event in room.turn()] == ["next"]


def test_what_changes_within_a_second_of_the_call_is_told_as_later(room: Room) -> None:
    room.turn(started(), window(0.0))
    room.turn(words("there is a fire", 0.5))  # both end at 3 s, as windows overlap what is said
    room.policy = room.policy.switched(True, "next")
    room.turn()
    room.policy = room.policy.switched(False, "off")
    room.turn()
    room.late_words = True
    room.policy = room.policy.switched(True, "last")
    room.turn()
    room.turn(replace(ENDED, duration_s=3.0))
    room.triage.put(words("i have a gun", 0.9))
    room.late_words = False
    room.turn()
    seconds = [event.at_s for event in room.told] + [item["at_s"] for item in room.kept]
    assert seconds == pytest.approx([3.0, 3.001, 3.002, 3.003, 3.004, 3.005], abs=1e-6)


def test_after_the_end_the_last_words_are_kept_and_told_to_nobody(room: Room) -> None:
    room.turn(started(), window(0.0))
    room.late_words = True
    assert room.turn(ENDED) == []
    room.triage.put(words("there is a fire", 6.0))
    room.late_words = False
    assert room.turn() == []
    (item,) = room.kept
    last = from_dict(item)
    assert isinstance(last, Assessed)
    assert (last.at_s, last.urgency["band"]) == (9.0, "high")
    assert room.turn(after_s=60) == [] and len(room.kept) == 1


def test_last_words_that_come_while_it_asks_for_them_are_not_left_out(room: Room) -> None:
    room.turn(started(), window(0.0))
    room.late_words = True
    room.turn(ENDED)

    def has_late_words(_: str) -> bool:
        room.triage.put(words("there is a fire", 6.0))
        return False

    room.triage._has_late_words = has_late_words
    room.turn()
    (item,) = room.kept
    assert item["urgency"]["band"] == "high"


def test_what_a_call_that_just_ended_was_not_told_is_kept(room: Room) -> None:
    room.turn(started())
    room.over = True
    assert room.turn(window(0.0)) == []
    assert room.turn(replace(ENDED, duration_s=3.0)) == []  # nothing came since
    (item,) = room.kept
    last = from_dict(item)
    assert isinstance(last, Assessed)
    assert last.urgency["value"] > room.told[0].urgency["value"]


def test_it_does_not_wait_for_late_words_for_ever(room: Room) -> None:
    room.turn(started())
    room.late_words = True
    room.turn(window(0.0), ENDED)
    assert room.kept == []
    room.turn(after_s=40)
    assert len(room.kept) == 1


def test_trouble_with_a_turn_or_a_call_does_not_end_the_others(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(room, "_policy", lambda: 1 / 0)
        room.triage._policy = room._policy
        with pytest.raises(ZeroDivisionError):
            room.turn(started())
        room.triage._policy = lambda: room.policy
    assert [event.call_id for event in room.turn()] == ["c"]  # what came meanwhile is not lost
    strange = EmotionEstimated(0.0, 3.0, "x", 0.9, True, {"fearful": None}, 2.0)  # type: ignore[dict-item]
    told = room.turn(Heard("c", 0, Role.CALLER, strange), started("d"))
    assert [event.call_id for event in told] == ["d"]


def test_call_is_assessed_told_kept_and_shown(service: Service) -> None:
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open(metadata={"number": "+49 40", "sim": "none"})
        talk.send(spoken(6, "fearful"))
        talk.until("assessed")
        live = wait_for(lambda: service.state.bus.call(call_id))
        assert live.assessment is not None and live.assessment.urgency["band"]
        client = service.keyed(UserRole.CALL_TAKER)
        queue = client.get("/api/v1/queue").json()
        assert [each["call_id"] for each in queue["items"]] == [call_id]
        assert queue["items"][0]["urgency"]["band"] == live.assessment.urgency["band"]
        assert "no sim" in queue["items"][0]["check"]["reason"]
        talk.send(spoken(4, "sad"))  # another voice, so that there is something to assess
        talk.hang_up()
    numbers = [message["number"] for message in talk.heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert talk.heard[-1]["type"] == "call_ended"
    assert ended(service, call_id).reason == "finished"

    def last() -> Any:
        found = service.state.assessments.last([call_id]).get(call_id)
        return found if found and found[AssessmentKind.URGENCY].at_s == 10.0 else None

    kept = wait_for(last)
    assert client.get("/api/v1/queue").json()["items"] == []
    answer = client.get(f"/api/v1/calls/{call_id}").json()
    assert answer["urgency"]["value"] == kept[AssessmentKind.URGENCY].value
    assert answer["transcript"] == "not_transcribed"
    items = client.get(f"/api/v1/calls/{call_id}/assessments").json()["items"]
    assert items[-1]["at_s"] == 10.0
    assert items[-1]["urgency"]["contributions"][0]["cue"] in ("fear", "rising_arousal")
    entries = service.state.audit.about([f"call:{call_id}"])
    told = [entry.details for entry in entries if entry.details.get("assessments")]
    assert told[0]["rules"][0]["sha256"] == shipped().sha256
    first = min(row for each in told for row in each["assessments"])
    sent = next(message for message in talk.heard if message["type"] == "assessed")
    assert first[:2] == [sent["at_s"], pytest.approx(sent["urgency"]["value"], abs=1e-3)]


def test_second_call_of_a_number_is_noticed(service: Service) -> None:
    for _ in range(2):
        with Talk(service.url, key(service)) as talk:
            call_id = talk.open(metadata={"number": "+49 89 1"})
            talk.send(spoken(3.5))
            assessed = talk.until("assessed")
            talk.hang_up()
        ended(service, call_id)
    assert "repeated number" in assessed["check"]["reason"]


def test_the_off_switch_hides_at_once(service: Service) -> None:
    client = service.signed_in(UserRole.SUPERVISOR)
    with Talk(service.url, key(service)) as talk:
        call_id = talk.open()
        talk.send(spoken(4))
        talk.until("assessed")
        wait_for(lambda: client.get(f"/api/v1/calls/{call_id}").json().get("urgency"))
        answer = client.put("/api/v1/policy/switch", json={"on": False})
        assert answer.json()["on"] is False
        # At once, before the thread has taken anything back.
        assert client.get(f"/api/v1/calls/{call_id}").json()["urgency"] is None
        assert client.get("/api/v1/queue").json()["items"][0]["urgency"] is None
        while talk.until("assessed")["urgency"]:
            pass
        wait_for(lambda: _gone(service, call_id))
        talk.send(spoken(3))
        client.put("/api/v1/policy/switch", json={"on": True})
        assert talk.until("assessed")["policy"] == shipped().version
        talk.hang_up()


def _gone(service: Service, call_id: str) -> bool | None:
    call = service.state.bus.call(call_id)
    return True if call is not None and call.assessment is None else None
