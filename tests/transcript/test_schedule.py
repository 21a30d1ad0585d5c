import numpy as np
import pytest

from tonewatch.core.errors import CallError, SettingsError
from tonewatch.core.events import NotTranscribed, PhraseSpotted, WordsRecognised
from tonewatch.transcript.schedule import PoolSettings, Schedule, Task
from tonewatch.transcript.segments import SegmentSettings
from transcript.echoing import spoken

SETTINGS = PoolSettings(
    longest_wait_s=10.0, utterances=2, segments=SegmentSettings(lead_s=0.0, remember_s=1.0)
)


def talking(*calls: str) -> Schedule:
    """A schedule in which a second of speech of each call waits, the first call's the longest."""
    schedule = Schedule(SETTINGS)
    for now, call in enumerate(calls):
        schedule.open(call, 0)
        schedule.speech(call, 0, 0.0, None, now / 100)
        schedule.push(call, 0, spoken(now, 1.0), now / 100)
    return schedule


def taken(schedule: Schedule, worker: int = 0, now: float = 1.0) -> Task:
    task = schedule.take(worker, now)
    assert task is not None
    return task


def done(schedule: Schedule, task: Task) -> None:
    end_s = task.start_s + task.samples.size / 16_000
    schedule.answered(task, [WordsRecognised(task.start_s, end_s, (), task.ends)])


def test_nothing_to_do() -> None:
    schedule = Schedule(SETTINGS)
    schedule.open("a", 0)
    schedule.push("a", 0, spoken(1, 5.0), 0.0)
    assert schedule.take(0, 1.0) is None  # nobody said that it was speech
    assert schedule.waiting_s() == 0.0


def test_who_waits_longest_goes_first() -> None:
    schedule = talking("a", "b")
    assert taken(schedule, 0).key == ("a", 0)
    assert taken(schedule, 1).key == ("b", 0)
    assert schedule.take(2, 1.0) is None


def test_the_urgent_call_goes_first_and_the_newest_priority_counts() -> None:
    schedule = talking("a", "b", "c")
    schedule.set_priority("a", 9.0)
    schedule.set_priority("b", 5.0)
    schedule.set_priority("a", 1.0)
    assert [taken(schedule, k).key[0] for k in range(3)] == ["b", "a", "c"]


def test_an_utterance_stays_with_its_worker() -> None:
    schedule = talking("a")
    done(schedule, taken(schedule, 0))
    schedule.push("a", 0, spoken(1), 1.0)
    assert schedule.take(1, 1.0) is None
    task = taken(schedule, 0)
    assert (task.begins, task.ends, task.start_s) == (False, False, 1.0)


def test_the_next_utterance_may_go_to_another_worker() -> None:
    schedule = talking("a")
    done(schedule, taken(schedule, 0))
    schedule.speech("a", 0, 0.0, 1.0, 1.0)
    schedule.push("a", 0, spoken(1, 3.0), 1.0)
    task = taken(schedule, 0)
    assert task.ends
    done(schedule, task)
    schedule.speech("a", 0, 3.5, None, 4.0)
    task = taken(schedule, 1)
    assert (task.begins, task.start_s) == (True, 3.5)


def test_equals_do_not_cut_each_other_off() -> None:
    schedule = talking("a", "b", "c")
    for _ in range(2):
        done(schedule, taken(schedule, 0))
    assert schedule.take(0, 1.0) is None


def test_an_urgent_call_takes_the_place_of_the_least_urgent() -> None:
    schedule = talking("a", "b", "c")
    schedule.set_priority("a", 2.0)
    for _ in range(2):
        done(schedule, taken(schedule, 0))
    schedule.set_priority("c", 1.0)
    cut = taken(schedule, 0)
    assert (cut.key, cut.ends, cut.samples.size) == (("b", 0), True, 0)
    done(schedule, cut)
    assert taken(schedule, 0).key == ("c", 0)
    schedule.push("b", 0, spoken(1), 1.0)
    assert taken(schedule, 1).begins  # its speech goes on as a further utterance


def test_an_utterance_that_gets_no_more_samples_gives_its_place_away() -> None:
    schedule = talking("a", "b", "c")
    for _ in range(2):
        done(schedule, taken(schedule, 0, now=1.0))
    cut = taken(schedule, 0, now=4.0)
    assert (cut.key, cut.ends) == (("a", 0), True)
    done(schedule, cut)
    assert taken(schedule, 0, now=4.0).key == ("c", 0)


def test_a_burst_is_heard_and_what_is_too_much_of_it_is_told() -> None:
    schedule = Schedule(SETTINGS)
    schedule.open("a", 0)
    for second in range(40):
        schedule.push("a", 0, spoken(second, 1.0), 0.0)
    assert schedule.speech("a", 0, 4.0, None, 0.0) == [(("a", 0), NotTranscribed(4.0, 10.0))]
    assert schedule.waiting_s() == pytest.approx(30.0)
    assert taken(schedule).start_s == 10.0


def test_what_was_judged_is_forgotten() -> None:
    schedule = Schedule(SETTINGS)
    schedule.open("a", 0)
    schedule.push("a", 0, spoken(1, 20.0), 0.0)
    schedule.judged("a", 0, 20.0)
    assert schedule.speech("a", 0, 19.0, None, 0.0) == []
    assert schedule.speech("a", 0, 19.0, 20.0, 0.0) == []
    assert schedule.waiting_s() == pytest.approx(1.0)


def test_speech_that_waits_too_long_is_given_up_in_one() -> None:
    schedule = talking("a")
    for now in range(1, 11):
        schedule.push("a", 0, spoken(now, 1.0), float(now))
    assert schedule.give_up(9.9) == []
    told = schedule.give_up(10.5)
    assert told == [(("a", 0), NotTranscribed(0.0, 6.0))]  # what came before 5.5 s
    assert schedule.waiting_s() == pytest.approx(5.0)
    task = taken(schedule, 0)
    assert (task.start_s, task.begins) == (6.0, True)


def test_an_utterance_with_a_gap_ends_before_it() -> None:
    schedule = talking("a")
    done(schedule, taken(schedule, 0))
    schedule.push("a", 0, spoken(1, 1.0), 1.0)
    schedule.push("a", 0, spoken(2, 1.0), 11.0)
    assert schedule.give_up(12.0) == [(("a", 0), NotTranscribed(1.0, 2.0))]
    cut = taken(schedule, 0, now=12.0)
    assert (cut.ends, cut.samples.size, cut.start_s) == (True, 0, 1.0)
    done(schedule, cut)
    task = taken(schedule, 0, now=12.0)
    assert (task.begins, task.start_s) == (True, 2.0)


def test_what_a_lost_worker_held_is_told_from_its_last_final_word() -> None:
    schedule = talking("a", "b")
    done(schedule, taken(schedule, 0))
    taken(schedule, 0)
    assert set(schedule.lost(0)) == {
        (("a", 0), NotTranscribed(0.0, 1.0)),
        (("b", 0), NotTranscribed(0.0, 1.0)),
    }
    assert schedule.lost(0) == []
    schedule.push("a", 0, spoken(1), 2.0)
    assert taken(schedule, 1).begins


def test_a_failed_utterance_is_told_and_the_next_begins() -> None:
    schedule = talking("a")
    spotted = PhraseSpotted(0.2, 0.8, "plane crash")
    assert schedule.answered(taken(schedule), [spotted], failed=True) == [
        (("a", 0), spotted),
        (("a", 0), NotTranscribed(0.0, 1.0)),
    ]
    schedule.push("a", 0, spoken(1), 2.0)
    assert taken(schedule).begins


def test_a_closed_call_is_heard_to_its_end() -> None:
    schedule = talking("a")
    schedule.close("a", 1.0)
    assert schedule.closed() == []
    task = taken(schedule)
    assert task.ends
    assert schedule.closed() == []
    done(schedule, task)
    assert schedule.closed() == ["a"]
    assert schedule.closed() == []
    with pytest.raises(CallError, match="open"):
        schedule.push("a", 0, spoken(1), 2.0)


def test_a_closed_call_that_nobody_could_hear_is_over_once_it_is_given_up() -> None:
    schedule = talking("a")
    schedule.close("a", 1.0)
    assert schedule.give_up(20.0) == [(("a", 0), NotTranscribed(0.0, 1.0))]
    assert schedule.closed() == ["a"]


def test_a_call_that_was_never_open_is_over_at_once() -> None:
    schedule = Schedule(SETTINGS)
    schedule.close("a", 1.0)
    assert schedule.closed() == ["a"]


def test_two_channels_of_a_call_are_two() -> None:
    schedule = talking("a")
    schedule.open("a", 1)
    schedule.speech("a", 1, 0.0, None, 1.0)
    schedule.push("a", 1, spoken(7, 1.0), 1.0)
    first, second = taken(schedule, 0), taken(schedule, 1)
    assert (first.key, second.key) == (("a", 0), ("a", 1))
    np.testing.assert_array_equal(second.samples, spoken(7, 1.0))


def test_a_channel_is_opened_once() -> None:
    schedule = talking("a")
    with pytest.raises(CallError, match="once"):
        schedule.open("a", 0)


@pytest.mark.parametrize(
    "wrong", [{"longest_wait_s": 0.0}, {"utterances": 0}, {"nice": -1}, {"answer_within_s": 0.0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        PoolSettings(**wrong)  # type: ignore[arg-type]
