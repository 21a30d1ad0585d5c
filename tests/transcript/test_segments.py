import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.segments import Piece, Segmenter, SegmentSettings

TOLD = SegmentSettings(lead_s=0.0, remember_s=2.0)


def ramp(start_s: float, end_s: float) -> Samples:
    """Each sample is its own number, so that none can be lost or doubled unseen."""
    return np.arange(round(start_s * RATE_HZ), round(end_s * RATE_HZ), dtype=np.float32)


def utterances(pieces: list[Piece]) -> list[tuple[float, Samples]]:
    found: list[tuple[float, Samples]] = []
    parts: list[Samples] = []
    start_s = 0.0
    for piece in pieces:
        start_s = start_s if parts else piece.start_s
        parts.append(piece.samples)
        if piece.ends:
            found.append((start_s, np.concatenate(parts)))
            parts = []
    assert not parts
    return found


def test_silence_gives_nothing() -> None:
    segmenter = Segmenter(TOLD)
    for start_s in range(10):
        assert segmenter.push(ramp(start_s, start_s + 1)) == []
    assert segmenter.finish() == []


def test_speech_that_is_told_late_is_whole() -> None:
    segmenter = Segmenter(TOLD)
    pieces = segmenter.push(ramp(0, 3))
    pieces += segmenter.started(1.5)
    pieces += segmenter.push(ramp(3, 4))
    pieces += segmenter.ended() + segmenter.push(ramp(4, 5))
    ((start_s, samples),) = utterances(pieces)
    assert start_s == 1.5
    np.testing.assert_array_equal(samples, ramp(1.5, 4))


def test_a_burst_is_kept_until_it_is_judged() -> None:
    segmenter = Segmenter(TOLD)
    for start_s in range(20):
        assert segmenter.push(ramp(start_s, start_s + 1)) == []
    segmenter.judged(4.0)
    assert segmenter.missed(2.0) is None
    pieces = segmenter.started(2.5) + segmenter.ended() + segmenter.started(9.0)
    parts = utterances(pieces + segmenter.finish())
    assert parts[0][0] == 2.5
    np.testing.assert_array_equal(np.concatenate([each for _, each in parts]), ramp(2.5, 20))


@pytest.mark.parametrize("judged_s", [5.0, 7.0])  # no more than came is judged
def test_a_start_before_what_is_remembered_begins_there(judged_s: float) -> None:
    segmenter = Segmenter(TOLD)
    pieces = segmenter.push(ramp(0, 5))
    segmenter.judged(judged_s)
    assert segmenter.missed(1.0) == (1.0, 3.0)
    pieces += segmenter.started(1.0) + segmenter.finish()
    ((start_s, samples),) = utterances(pieces)
    assert start_s == 3.0
    np.testing.assert_array_equal(samples, ramp(3, 5))


def test_what_nobody_judges_is_not_kept_for_ever() -> None:
    segmenter = Segmenter(SegmentSettings(lead_s=0.5, backlog_s=10.0))
    for start_s in range(20):
        assert segmenter.push(ramp(start_s, start_s + 1)) == []
    assert segmenter.missed(2.0) == (2.0, 10.0)
    assert segmenter.missed(10.0) is None  # the lead is no speech
    pieces = segmenter.started(2.0) + segmenter.finish()
    assert utterances(pieces)[0][0] == 10.0


def test_what_was_passed_on_is_not_missed() -> None:
    segmenter = Segmenter(TOLD)
    segmenter.started(0.0)
    segmenter.push(ramp(0, 5))
    segmenter.ended()
    assert segmenter.missed(1.0) is None
    segmenter.push(ramp(5, 12))
    segmenter.judged(12.0)
    assert segmenter.missed(4.0) == (5.0, 10.0)


def test_a_lead_is_kept_before_the_start_and_not_before_the_stream() -> None:
    segmenter = Segmenter(SegmentSettings(lead_s=0.5))
    pieces = segmenter.push(ramp(0, 3)) + segmenter.started(2.0) + segmenter.finish()
    assert utterances(pieces)[0][0] == 1.5
    segmenter = Segmenter(SegmentSettings(lead_s=0.5))
    pieces = segmenter.push(ramp(0, 1)) + segmenter.started(0.2) + segmenter.finish()
    assert utterances(pieces)[0][0] == 0.0


def test_a_pause_that_was_passed_on_already_does_not_end_the_utterance() -> None:
    segmenter = Segmenter(TOLD)
    pieces = segmenter.started(0.0) + segmenter.push(ramp(0, 2))
    pieces += segmenter.ended() + segmenter.started(1.4) + segmenter.push(ramp(2, 3))
    pieces += segmenter.finish()
    ((_, samples),) = utterances(pieces)
    np.testing.assert_array_equal(samples, ramp(0, 3))


def test_a_start_after_a_told_end_begins_the_next_utterance() -> None:
    segmenter = Segmenter(TOLD)
    pieces = segmenter.started(0.0) + segmenter.push(ramp(0, 2)) + segmenter.ended()
    pieces += segmenter.push(ramp(2, 5)) + segmenter.started(4.0) + segmenter.finish()
    first, second = utterances(pieces)
    np.testing.assert_array_equal(first[1], ramp(0, 2))
    assert second[0] == 4.0
    np.testing.assert_array_equal(second[1], ramp(4, 5))


def test_long_speech_is_cut_in_its_pause() -> None:
    rng = np.random.default_rng(0)
    speech = rng.standard_normal(14 * RATE_HZ).astype(np.float32)
    speech[9 * RATE_HZ : round(9.5 * RATE_HZ)] *= 0.001
    segmenter = Segmenter(TOLD)
    pieces = segmenter.started(0.0) + segmenter.push(speech) + segmenter.finish()
    lengths = [samples.size / RATE_HZ for _, samples in utterances(pieces)]
    assert lengths == pytest.approx([9.2, 4.8])


def test_a_pause_early_in_speech_does_not_cut_it() -> None:
    speech = np.ones(6 * RATE_HZ, np.float32)
    speech[2 * RATE_HZ : 4 * RATE_HZ] = 0
    segmenter = Segmenter(TOLD)
    pieces = segmenter.started(0.0) + segmenter.push(speech) + segmenter.finish()
    assert len(utterances(pieces)) == 1


@given(
    cuts=st.lists(st.integers(1, 40 * RATE_HZ - 1), max_size=30),
    seed=st.integers(0, 9),
    from_s=st.floats(0, 3),
)
@settings(max_examples=30)
def test_utterances_do_not_depend_on_chunks(cuts: list[int], seed: int, from_s: float) -> None:
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.uniform(0, 1, 400) ** 4, RATE_HZ // 10)
    stream = (rng.standard_normal(loudness.size) * loudness).astype(np.float32)

    def cut(at: list[int]) -> list[tuple[float, Samples]]:
        segmenter = Segmenter(TOLD)
        pieces = segmenter.started(from_s)
        for block in np.split(stream, at):
            pieces += segmenter.push(block)
        return utterances(pieces + segmenter.finish())

    whole, chunked = cut([]), cut(sorted(set(cuts)))
    assert [start_s for start_s, _ in whole] == [start_s for start_s, _ in chunked]
    np.testing.assert_array_equal(np.concatenate([one for _, one in chunked]), stream)
    assert max(one.size for _, one in chunked) <= TOLD.longest_s * RATE_HZ
    for one, other in zip(whole, chunked, strict=True):
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"cut_after_s": 0.0},
        {"cut_after_s": 20.0},
        {"lead_s": -1.0},
        {"lead_s": 5.0},
        {"backlog_s": 3.0},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        SegmentSettings(**wrong)
