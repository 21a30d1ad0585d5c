"""Files that are cut, empty, absurd or no audio: refused with the reason, or read nevertheless."""

import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.recordings import PYAV_FORMATS, RATE_OF, SOUNDFILE_FORMATS, speech_like, write
from tonewatch.audio.decode import load, probe, stream_16k
from tonewatch.core.errors import (
    AbsurdHeaderError,
    AudioNotFoundError,
    BadSamplesError,
    EmptyAudioError,
    NoChannelsError,
    NotAudioError,
    TruncatedAudioError,
)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write(tmp_path / "a.wav", speech_like(1, 8_000), 8_000)


def patched(wav: Path, at: int, form: str, *values: float) -> Path:
    data = bytearray(wav.read_bytes())
    struct.pack_into(form, data, at, *values)
    wav.write_bytes(data)
    return wav


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_wav_sizes_never_filled_in_are_no_fault(wav: Path, size: int) -> None:
    expected = load(wav)
    patched(wav, 4, "<I", (size + 36) & 0xFFFFFFFF if size != 0xFFFFFFFF else size)
    came = load(patched(wav, 40, "<I", size))
    assert np.array_equal(came, expected)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "FLOAT"])
def test_counts_of_frames_never_filled_in_are_no_fault(subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, speech_like(1, 8_000), 8_000, subtype=subtype)
    expected, data = load(path), path.read_bytes()
    for chunk in (b"fact", b"data"):
        at = data.index(chunk) + (8 if chunk == b"fact" else 4)
        patched(path, at, "<I", 0x7FFFF000)  # as SoX does into a pipe
    patched(path, 4, "<I", 0x7FFFF024)
    assert np.array_equal(load(path)[: expected.size], expected)
    assert probe(path).duration_s is None


def test_a_last_frame_cut_short_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.stack([speech_like(1, 8_000)] * 2, axis=1), 8_000)
    path.write_bytes(path.read_bytes()[:-3])
    assert load(path, rate_hz=8_000).size == 7_999


def test_samples_beyond_one_pass(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8_000, 3e4, "f4"), 16_000, subtype="FLOAT")
    assert load(tmp_path / "a.wav").max() == np.float32(3e4)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError, match=r"gone\.wav: expected a file"):
        load(tmp_path / "gone.wav")
    with pytest.raises(AudioNotFoundError):
        load("nul\0byte.wav")
    with pytest.raises(AudioNotFoundError):
        load(tmp_path / ("x" * 5_000))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_not_permitted(wav: Path) -> None:
    wav.chmod(0)
    with pytest.raises(AudioNotFoundError, match="ermission"):
        load(wav)


def test_a_folder_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(NotAudioError, match="folder"):
        load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(NotAudioError, match="pipe"):
            load(tmp_path / "pipe.wav")


NOISE = np.random.default_rng(0).bytes(50_000)


@pytest.mark.parametrize(
    "content",
    [
        b"hello " * 1_000,
        b"x",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + NOISE,
        b"\x89PNG\r\n\x1a\n" + NOISE,
        b"%PDF-1.7\n" + NOISE,
        b"PK\x03\x04" + NOISE,
        NOISE,
        b"\xff\xfb\x90\x00" + NOISE,
        b"\xff\xff\xff\xff" * 1_000,
        bytes(10_000),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile 'a.wav'\n",
    ],
    ids=lambda content: repr(content[:8]),
)
@pytest.mark.parametrize("ending", ["wav", "mp3", "txt", "mp4"])
def test_not_audio(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    with pytest.raises(NotAudioError, match=rf"a\.{ending}: expected"):
        load(path)


def test_a_video_without_sound(tmp_path: Path) -> None:
    import av

    with av.open(tmp_path / "a.mp4", "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(NotAudioError, match="audio track"):
        load(tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", [*SOUNDFILE_FORMATS, *PYAV_FORMATS, "ulaw", "txt"])
def test_no_bytes(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{ending}").touch()
    with pytest.raises(EmptyAudioError, match="0 bytes"):
        load(tmp_path / f"a.{ending}")


def test_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0, np.float32), 8_000)
    with pytest.raises(EmptyAudioError):
        load(path)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
    list_chunk = b"LIST" + struct.pack("<I", 4) + b"INFO"  # must not be heard as audio
    path.write_bytes(path.read_bytes() + list_chunk)
    with pytest.raises(EmptyAudioError):
        load(patched(path, 4, "<I", path.stat().st_size - 8))


@pytest.mark.parametrize("keep", [5, 12, 20, 40, 44, 46, 8_000])
def test_truncated_wav(wav: Path, keep: int) -> None:
    wav.write_bytes(wav.read_bytes()[:keep])
    with pytest.raises(TruncatedAudioError if keep != 5 else (NotAudioError, TruncatedAudioError)):
        load(wav)


@pytest.mark.parametrize("ending", ["flac", "m4a", "mp4"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.8])
def test_truncated_by_its_own_header(ending: str, share: float, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{ending}", speech_like(3, 16_000), 16_000)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(TruncatedAudioError, match=r"a\.\w+: expected"):
        load(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "ULAW"])
@pytest.mark.parametrize("ending", ["aiff", "w64", "caf", "au"])
def test_truncated_by_the_bytes_of_its_header(ending: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, speech_like(1, 8_000), 8_000, subtype=subtype, format=ending.upper())
    whole, data = load(path, rate_hz=8_000), path.read_bytes()
    assert whole.size == 8_000
    path.write_bytes(data + bytes(100))  # what follows the audio is no fault
    assert load(path, rate_hz=8_000).size >= 8_000
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TruncatedAudioError, match=rf"a\.{ending}: expected \d+ bytes"):
        load(path)


@pytest.mark.parametrize(
    ("ending", "mark", "skip", "length"),
    [
        ("aiff", b"SSND", 4, struct.pack(">I", 0x7F000008)),
        ("w64", b"data\xf3", 16, struct.pack("<q", 2**63 - 1)),
        ("caf", b"data", 4, struct.pack(">q", -1)),
        ("au", b".snd", 8, struct.pack(">I", 0xFFFFFFFF)),
    ],
)
def test_lengths_never_filled_in_are_no_fault(
    ending: str, mark: bytes, skip: int, length: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, speech_like(1, 8_000), 8_000, subtype="PCM_16", format=ending.upper())
    expected, data = load(path), path.read_bytes()
    at = data.index(mark) + skip
    path.write_bytes(data[:at] + length + data[at + len(length) :])
    assert np.array_equal(load(path), expected)


def test_a_cut_mp4_with_its_index_in_front(tmp_path: Path) -> None:
    import av

    path = write(tmp_path / "a.mp4", speech_like(3, 16_000), 16_000)
    with (
        av.open(path) as source,
        av.open(tmp_path / "b.mp4", "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole = (tmp_path / "b.mp4").read_bytes()
    assert load(tmp_path / "b.mp4").size == pytest.approx(48_000, abs=3_000)
    (tmp_path / "b.mp4").write_bytes(whole[: int(0.6 * len(whole))])
    with pytest.raises(TruncatedAudioError):
        load(tmp_path / "b.mp4")


@pytest.mark.parametrize("ending", ["ogg", "opus", "mp3", "webm", "amr"])
def test_streams_may_be_cut(ending: str, tmp_path: Path) -> None:
    rate_hz = RATE_OF.get(ending, 16_000)
    path = write(tmp_path / f"a.{ending}", speech_like(20, rate_hz), rate_hz)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert load(path).size == pytest.approx(160_000, rel=0.25)


@pytest.mark.parametrize("tag_bytes", [50, 300_000])
def test_joined_mp3s_with_tags(tag_bytes: int, tmp_path: Path) -> None:
    one = write(tmp_path / "a.mp3", speech_like(3, 22_050), 22_050)
    size = bytes([tag_bytes >> 14 & 127, tag_bytes >> 7 & 127, tag_bytes & 127])
    tag = b"ID3\x03\0\0\0" + size + np.random.default_rng(0).bytes(tag_bytes)
    two = tmp_path / "b.mp3"
    two.write_bytes(2 * (tag + one.read_bytes()))
    part, came = load(one, rate_hz=22_050)[40_000:44_000], load(two, rate_hz=22_050)
    for at in (40_000, 106_150):
        lags = np.correlate(came[at - 2_000 : at + 6_000], part, "valid")
        assert lags.max() > 0.95 * (part**2).sum()


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_chained_ogg_is_heard_to_the_end(ending: str, tmp_path: Path) -> None:
    one = write(tmp_path / f"a.{ending}", speech_like(3, 48_000), 48_000)
    two = tmp_path / f"b.{ending}"
    two.write_bytes(2 * one.read_bytes())
    expected, came = load(one), load(two)
    assert came.size == pytest.approx(2 * expected.size, abs=800)
    assert np.corrcoef(came[:40_000], expected[:40_000])[0, 1] > 0.99
    assert came[-40_000:].std() == pytest.approx(expected[-40_000:].std(), rel=0.05)
    assert probe(two).duration_s is None
    other = write(tmp_path / "c.ogg", speech_like(1, 16_000), 16_000)
    two.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(TruncatedAudioError):
        load(two)


def test_damage_within_an_mp3_is_no_tag(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", speech_like(6, 22_050), 22_050)
    data = bytearray(path.read_bytes())
    data[12_000:18_000] = b"ID3\xff\xff\xff\xff\xff\xff\xff" * 600
    path.write_bytes(data)
    with pytest.raises(TruncatedAudioError):
        load(path)


def test_zero_channels(wav: Path) -> None:
    with pytest.raises(NoChannelsError, match=r"a\.wav.*0"):
        load(patched(wav, 22, "<H", 0))


@pytest.mark.parametrize("channels", [65, 2_000, 65_535])
def test_absurd_channels(wav: Path, channels: int) -> None:
    with pytest.raises(AbsurdHeaderError, match=f"{channels}"):
        load(patched(wav, 22, "<H", channels))


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 768_001, 0xFFFFFFFF])
def test_absurd_rates(wav: Path, rate_hz: int) -> None:
    with pytest.raises(AbsurdHeaderError, match=f"{rate_hz} Hz"):
        load(patched(wav, 24, "<I", rate_hz))


def test_absurd_header_of_au(tmp_path: Path) -> None:
    path = tmp_path / "a.au"
    soundfile.write(path, speech_like(0.1, 8_000), 8_000)
    with pytest.raises(AbsurdHeaderError):
        load(patched(path, 16, ">I", 10))
    with pytest.raises(NoChannelsError):
        load(patched(path, 16, ">II", 8_000, 0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("channel", [None, 0])
def test_bad_samples(value: float, channel: int | None, tmp_path: Path) -> None:
    samples = np.zeros((8_000, 2), np.float32)
    samples[4_000, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")
    with pytest.raises(BadSamplesError, match=r"0\.500 s"):
        load(tmp_path / "a.wav", channel=channel)


def delayed(source: Path, target: Path, delay_s: Callable[[float], float]) -> Path:
    """Copy the packets of `source`, each played `delay_s` of its own time later."""
    import av

    with av.open(source) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.pts is not None and packet.dts is not None:
                late = round(delay_s(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + late, packet.dts + late, stream
                new.mux(packet)
    return target


@pytest.mark.parametrize("ending", ["webm", "mp4"])
def test_holes_between_timestamps_are_silence(ending: str, tmp_path: Path) -> None:
    whole = write(tmp_path / f"a.{ending}", speech_like(4, 48_000), 48_000)
    with_hole = delayed(whole, tmp_path / f"b.{ending}", lambda t: 3 if t > 2 else 0.0)
    expected, came = load(whole), load(with_hole)
    assert came.size == pytest.approx(expected.size + 48_000, abs=16)  # WebM counts ms
    assert np.allclose(came[:32_000], expected[:32_000], atol=1e-3)
    assert np.abs(came[34_000:79_000]).max() < 1e-3
    assert np.allclose(came[-28_000:], expected[-28_000:], atol=1e-3)
    blocks = np.concatenate(list(stream_16k(with_hole, block_s=0.03)))
    assert np.array_equal(blocks, came)


def test_audio_that_starts_late_is_heard_late(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.m4a", speech_like(2, 16_000), 16_000)
    late = delayed(whole, tmp_path / "b.mp4", lambda t: 2.0)
    expected, came = load(whole), load(late)
    assert not came[:32_000].any()
    assert np.array_equal(came[32_000:], expected)
    assert probe(late).duration_s == pytest.approx(4, abs=0.15)


def test_small_jitter_of_timestamps_changes_nothing(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.webm", speech_like(2, 48_000), 48_000)
    jittered = delayed(whole, tmp_path / "b.webm", lambda t: 0.03 if t > 0.5 else 0.0)
    assert np.array_equal(load(jittered), load(whole))


def test_absurd_timestamps_are_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.webm", speech_like(1, 48_000), 48_000)
    far = delayed(whole, tmp_path / "b.webm", lambda t: 1e7 if t > 0.5 else 0.0)
    with pytest.raises(TruncatedAudioError, match=r"b\.webm: expected at most 6 h.*timestamps"):
        load(far)
