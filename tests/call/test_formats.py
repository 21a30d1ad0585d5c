import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from call.streams import SILENT_START, interleaved, opus, silent_page, voices
from tonewatch.audio.resample import StreamResampler
from tonewatch.call.formats import Encoding, StreamDecoder
from tonewatch.core.errors import (
    AbsurdHeaderError,
    AudioError,
    ChannelError,
    NoChannelsError,
    NotAudioError,
    SettingsError,
    TruncatedAudioError,
)
from tonewatch.core.signal import RATE_HZ

PLAIN = [Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW]
WEBM = opus(voices(1.3, 48_000, 2), 48_000, muxer={"cluster_time_limit": "200"})
OGG = opus(voices(1.3, 48_000, 2), 48_000, "ogg", muxer={"page_duration": "100000"})
STREAMS = {"webm": WEBM, "ogg": OGG}


def decode(
    data: bytes,
    encoding: Encoding,
    rate_hz: int = 48_000,
    channels: int = 2,
    cuts: Sequence[int] = (),
) -> NDArray[np.float32]:
    """Decoded in the chunks that `cuts` make, to the end or to the first error."""
    decoder = StreamDecoder(encoding, rate_hz, channels)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts: list[NDArray[np.float32]] = [np.zeros((0, channels), np.float32)]
    try:
        for start, end in pairwise(edges):
            parts += decoder.push(data[start:end])
        parts += decoder.finish()
    except AudioError:
        parts.append(np.full((1, channels), np.nan, np.float32))
    assert all(len(part) for part in parts[1:])
    return np.concatenate(parts)


def same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return np.array_equal(a, b, equal_nan=True)


@settings(max_examples=60)
@given(
    st.sampled_from(PLAIN),
    st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    st.integers(1, 3),
    st.integers(0, 9_000),
    st.lists(st.integers(0, 9_000), max_size=12),
)
def test_chunks_change_nothing(
    encoding: Encoding, rate_hz: int, channels: int, size: int, cuts: list[int]
) -> None:
    data = interleaved(voices(0.3, rate_hz, channels), encoding)[:size]
    whole = decode(data, encoding, rate_hz, channels)
    assert same(decode(data, encoding, rate_hz, channels, cuts), whole)


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(STREAMS)),
    st.integers(0, 40_000),
    st.lists(st.integers(0, 40_000), max_size=20),
)
def test_chunks_change_nothing_in_opus(container: str, size: int, cuts: list[int]) -> None:
    data = STREAMS[container][:size]
    assert same(decode(data, Encoding.OPUS, cuts=cuts), decode(data, Encoding.OPUS))


@pytest.mark.parametrize("stream", [WEBM, OGG])
def test_byte_by_byte(stream: bytes) -> None:
    data = stream[:6_000]
    whole = decode(data, Encoding.OPUS)
    assert len(whole) > 1_000
    assert same(decode(data, Encoding.OPUS, cuts=range(len(data))), whole)


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(STREAMS)),
    st.lists(st.tuples(st.integers(0, 30_000), st.binary(min_size=1, max_size=40)), max_size=6),
    st.lists(st.integers(0, 30_000), max_size=8),
)
def test_damage_gives_the_same_audio_and_then_an_error_whatever_the_chunks(
    container: str, spots: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = bytearray(STREAMS[container])
    for at, junk in spots:
        data[at : at + len(junk)] = junk
    damaged = bytes(data)
    assert same(decode(damaged, Encoding.OPUS, cuts=cuts), decode(damaged, Encoding.OPUS))


@settings(max_examples=150)
@given(st.sampled_from([b"", b"OggS", b"OggS\0", b"\x1a\x45\xdf\xa3"]), st.binary(max_size=3_000))
def test_garbage_is_refused_or_waited_for(start: bytes, junk: bytes) -> None:
    assert len(decode(start + junk, Encoding.OPUS)) <= 1


@pytest.mark.parametrize("encoding", PLAIN)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_known_answer(encoding: Encoding, rate_hz: int) -> None:
    samples = voices(0.5, rate_hz, 2)
    came = decode(interleaved(samples, encoding), encoding, rate_hz)
    assert came.dtype == np.float32
    assert came.shape == (8_000, 2)
    for channel in range(2):
        resampler = StreamResampler(rate_hz, 16_000)
        parts = [resampler.push(samples[:, channel]), resampler.finish()]
        error = came[:, channel] - np.concatenate(parts)
        assert np.sqrt(np.mean(error**2)) < (1e-4 if encoding is Encoding.PCM_S16LE else 0.01)


def test_half_a_frame_waits_for_the_next_push() -> None:
    decoder = StreamDecoder(Encoding.PCM_S16LE, 16_000, 2)
    assert decoder.push(b"\x00\x40\x00") == []
    (came,) = decoder.push(b"\xc0\xff")
    assert came.tolist() == [[0.5, -0.5]]
    assert decoder.finish() == []  # the last byte is half a frame


@pytest.mark.parametrize("stream", [WEBM, OGG])
def test_opus_is_what_was_said(stream: bytes) -> None:
    came = decode(stream, Encoding.OPUS)
    said = voices(1.3, 16_000, 2)
    assert came.shape == said.shape
    for channel in range(2):
        assert np.corrcoef(came[:, channel], said[:, channel])[0, 1] > 0.9


def test_one_channel_said_two_came() -> None:
    decoder = StreamDecoder(Encoding.OPUS, 48_000, 1)
    before = decoder.mixed_down
    mixed = np.concatenate([*decoder.push(WEBM), *decoder.finish()])
    assert (before, decoder.mixed_down) == (False, True)
    both = decode(WEBM, Encoding.OPUS)
    np.testing.assert_allclose(mixed[:, 0], both.mean(axis=1), atol=1e-6)


def test_two_channels_said_one_came() -> None:
    with pytest.raises(ChannelError, match="has 1"):
        StreamDecoder(Encoding.OPUS, 48_000, 2).push(opus(voices(0.5, 48_000, 1), 48_000))


@pytest.mark.parametrize("data", [b"RIFF\x00\x00", b"hello", b"\x00" * 100, b"\xff" * 9])
def test_opus_that_is_none(data: bytes) -> None:
    with pytest.raises(NotAudioError, match="expected WebM or Ogg"):
        StreamDecoder(Encoding.OPUS, 48_000, 1).push(data)


def test_after_damage_what_was_heard_comes_first_and_the_error_stays() -> None:
    decoder = StreamDecoder(Encoding.OPUS, 48_000, 2)
    (came,) = decoder.push(WEBM + b"\x00")
    assert len(came) > 19_000
    for _ in range(2):
        with pytest.raises(TruncatedAudioError, match="damaged"):
            decoder.push(b"more")
    with pytest.raises(TruncatedAudioError, match="damaged"):
        decoder.finish()


def test_silence_of_a_byte_a_packet_cannot_fill_the_memory() -> None:
    bomb = SILENT_START + silent_page(15.3) * 100  # 28 kB that say 25 minutes
    tracemalloc.start()
    try:
        decoder = StreamDecoder(Encoding.OPUS, 48_000, 1)
        (came,) = decoder.push(bomb)
        assert len(came) <= 600 * 16_000
        with pytest.raises(AudioError, match="at most 600 s of audio at once"):
            decoder.push(b"")
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("most_s", [600, 120])
def test_too_much_at_once_is_refused(most_s: int) -> None:
    more = {} if most_s == 600 else {"max_push_s": most_s}
    decoder = StreamDecoder(Encoding.MULAW, 8_000, 1, **more)
    (came,) = decoder.push(bytes((most_s + 1) * 8_000))
    assert (most_s - 10) * 16_000 < len(came) <= most_s * 16_000
    with pytest.raises(AudioError, match=f"at most {most_s} s"):
        decoder.finish()


@pytest.mark.parametrize(
    ("rate_hz", "channels", "error"),
    [
        (8_000, 0, NoChannelsError),
        (8_000, 65, AbsurdHeaderError),
        (0, 1, AbsurdHeaderError),
        (10**9, 1, AbsurdHeaderError),
    ],
)
def test_absurd_settings(rate_hz: int, channels: int, error: type[AudioError]) -> None:
    with pytest.raises(error, match="expected"):
        StreamDecoder(Encoding.PCM_S16LE, rate_hz, channels)


def test_after_the_end_nothing_comes() -> None:
    decoder = StreamDecoder(Encoding.ALAW, 8_000, 1)
    decoder.push(b"\xd5" * 800)
    assert decoder.finish()
    assert decoder.finish() == []
    with pytest.raises(SettingsError, match="new StreamDecoder"):
        decoder.push(b"\xd5")


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_what_came_before_a_gap_comes_before_it(rate_hz: int) -> None:
    decoder = StreamDecoder(Encoding.PCM_S16LE, rate_hz, 1)
    tone = np.sin(np.arange(rate_hz) / rate_hz * 2 * np.pi * 440) * 16_000
    before = decoder.push(tone.astype("<i2").tobytes())
    tail, n_lost = decoder.gap(rate_hz)
    after = decoder.push(bytes(2 * rate_hz)) + decoder.finish()
    assert sum(map(len, [*before, *tail])) == RATE_HZ
    assert n_lost == RATE_HZ
    assert np.abs(np.concatenate(after)).max() == 0
    assert sum(map(len, after)) == RATE_HZ


def test_rounding_of_gaps_does_not_add_up() -> None:
    decoder = StreamDecoder(Encoding.PCM_S16LE, 44_100, 1)
    n_samples = 0
    for _ in range(300):
        tail, n_lost = decoder.gap(4_411)
        n_samples += n_lost + sum(map(len, [*tail, *decoder.push(bytes(2 * 442))]))
    n_samples += sum(map(len, decoder.finish()))
    assert n_samples == pytest.approx(300 * (4_411 + 442) * RATE_HZ / 44_100, abs=1)
