"""The push parsers against files that FFmpeg wrote, and against damage."""

import numpy as np
import pytest
from numpy.typing import NDArray

from call.streams import by_ffmpeg, opus, unsized, voices
from tonewatch.call.ogg import OggPackets
from tonewatch.call.opus import OpusStream, Packet, duration
from tonewatch.call.webm import WebmPackets
from tonewatch.core.errors import AudioError, NotAudioError, TruncatedAudioError

KINDS: list[tuple[int, int, int, dict[str, str]]] = [
    (48_000, 1, 64_000, {}),
    (48_000, 2, 96_000, {}),
    (16_000, 1, 12_000, {"application": "voip"}),
    (8_000, 1, 8_000, {"application": "voip", "frame_duration": "60"}),  # resampled by FFmpeg
    (48_000, 2, 96_000, {"frame_duration": "2.5"}),
    (48_000, 1, 32_000, {"frame_duration": "120"}),  # several frames a packet
]
CONTAINERS: list[tuple[str, bool, dict[str, str]]] = [
    ("webm", False, {}),
    ("webm", True, {}),  # unknown sizes
    ("webm", True, {"live": "1", "cluster_time_limit": "100"}),
    ("ogg", False, {}),
    ("ogg", True, {"page_duration": "20000"}),
]


def decoded(data: bytes, channels: int) -> NDArray[np.float32]:
    stream = OpusStream(channels)
    return np.concatenate([*stream.push(data), *stream.finish()])


@pytest.mark.parametrize(("rate_hz", "channels", "bit_rate", "encoder"), KINDS)
@pytest.mark.parametrize(("container", "pipe", "muxer"), CONTAINERS)
def test_same_samples_as_ffmpeg(
    rate_hz: int,
    channels: int,
    bit_rate: int,
    encoder: dict[str, str],
    container: str,
    pipe: bool,
    muxer: dict[str, str],
) -> None:
    data = opus(
        voices(1.51, rate_hz, channels),
        rate_hz,
        container,
        pipe=pipe,
        bit_rate=bit_rate,
        muxer=muxer,
        **encoder,
    )
    assert np.array_equal(decoded(data, channels), by_ffmpeg(data))


def test_a_browsers_stream_of_unknown_sizes() -> None:
    written = opus(voices(1.51, 48_000, 1), 48_000, muxer={"cluster_time_limit": "200"})
    data = unsized(written)
    unknown = b"\x01" + b"\xff" * 7
    assert data.count(b"\x18\x53\x80\x67" + unknown) == 1
    assert data.count(b"\x1f\x43\xb6\x75") > 5
    assert data != written
    assert np.array_equal(decoded(data, 1), by_ffmpeg(data))
    assert np.array_equal(decoded(data, 1), decoded(written, 1))


@pytest.mark.parametrize("container", ["webm", "ogg"])
def test_what_is_left_of_a_cut_stream_is_heard(container: str) -> None:
    data = opus(voices(3, 48_000, 1), 48_000, container, muxer={})
    whole = decoded(data, 1)
    part = decoded(data[: len(data) // 2], 1)
    assert 0.2 * len(whole) < len(part) < 0.7 * len(whole)
    assert np.array_equal(part, whole[: len(part)])


@pytest.mark.parametrize("container", ["webm", "ogg"])
def test_the_buffer_holds_one_unfinished_piece(container: str) -> None:
    data = opus(voices(3, 48_000, 1), 48_000, container)
    packets = WebmPackets() if container == "webm" else OggPackets()
    held = 0
    for at in range(0, len(data), 100):
        list(packets.push(data[at : at + 100]))
        held = max(held, len(packets._buffer))
    assert held <= (2_000 if container == "webm" else 65_307 + 100)
    assert not packets._buffer


@pytest.mark.parametrize(
    ("container", "codec", "message"),
    [
        ("matroska", "pcm_s16le", "came A_PCM/INT/LIT"),
        ("ogg", "flac", "no track of it was announced"),
    ],
)
def test_another_codec_is_refused(container: str, codec: str, message: str) -> None:
    data = opus(voices(1, 48_000, 1), 48_000, container, codec=codec)
    with pytest.raises(NotAudioError, match=message):
        decoded(data, 1)


@pytest.mark.parametrize("container", ["webm", "ogg"])
def test_a_second_recording_is_refused(container: str) -> None:
    data = opus(voices(0.5, 48_000, 1), 48_000, container)
    with pytest.raises(NotAudioError, match="a second one began"):
        decoded(data + data, 1)


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"\x00", 480),  # SILK, 10 ms
        (b"\x18", 2880),  # SILK, 60 ms
        (b"\x60", 480),  # hybrid
        (b"\x80", 120),  # CELT, 2.5 ms
        (b"\xf8", 960),
        (b"\xf9", 1920),  # two frames
        (b"\xfb\x06", 5760),  # six
    ],
)
def test_length_of_a_packet(packet: bytes, samples: int) -> None:
    assert duration(packet) == samples


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x07", b"\x1b\x3f"])
def test_what_is_no_packet(packet: bytes) -> None:
    with pytest.raises(TruncatedAudioError, match="up to 120 ms"):
        duration(packet)


WEBM = opus(voices(0.2, 48_000, 1), 48_000)
HEAD = WEBM[: WEBM.index(b"\x1f\x43\xb6\x75")]  # all before the first cluster
PACKET = b"\xf8\xff\xfe"


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (b"\x00", "an element, came the byte 0x00"),
        (b"\x08\x00", "an element, came the byte 0x08"),
        (b"\xa3\x00", "an element, came the byte 0x00"),  # a size of nine bytes
        (b"\x99\x81\x00", "an element of a segment or a cluster, came 0x99"),
        (b"\xa3\xff", "an unknown size"),
        (b"\xa3\x08\x7f\xff\xff\xff", "at most 1048576 bytes in the element 0xa3"),
        (b"\xec\x01\x7f\xff\xff\xff\xff\xff\xff", "at most 16777216 bytes in the element 0xec"),
        (b"\xa3\x82\x81\x00", "a block with its track and time"),
        (b"\xa3\x84\x81\x00\x00\x00", "up to 120 ms"),  # an empty packet
        (b"\xa0\x83\xa1\x85\x81", "elements that end with the one around them"),
        (b"\xa3\x85\x81\x00\x00\x02\xf8", "one packet a block"),
    ],
)
def test_damaged_webm(element: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        decoded(HEAD + element, 1)


def test_webm_by_hand() -> None:
    packets = WebmPackets()
    assert list(packets.push(HEAD)) == []
    assert packets.head is not None
    assert packets.head.startswith(b"OpusHead")
    cluster = b"\x1f\x43\xb6\x75\xff\xe7\x81\x00"
    simple = b"\xa3\x87\x81\x00\x00\x80" + PACKET
    other_track = b"\xa3\x87\x82\x00\x00\x80" + PACKET
    padded = b"\xa0\x8e\xa1\x87\x81\x00\x00\x00" + PACKET + b"\x75\xa2\x82\x27\x10"  # 10 us
    came = list(packets.push(cluster + simple + other_track + b"\xec\x82\x00\x00" + padded))
    assert came == [Packet(PACKET), Packet(PACKET, 0)]
    millisecond = b"\xa0\x8f\xa1\x87\x81\x00\x00\x00" + PACKET + b"\x75\xa2\x83\x0f\x42\x40"
    assert list(packets.push(millisecond)) == [Packet(PACKET, 48)]


def page(flags: int, position: int, payload: bytes, sizes: bytes, serial: int = 7) -> bytes:
    head = b"OggS\0" + bytes([flags]) + position.to_bytes(8, "little", signed=True)
    head += serial.to_bytes(4, "little") + bytes(8)
    return head + bytes([len(sizes)]) + sizes + payload


OPUS_HEAD = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
OGG_HEAD = page(2, 0, OPUS_HEAD, b"\x13") + page(0, 0, b"OpusTags", b"\x08")


def test_ogg_by_hand() -> None:
    packets = OggPackets()
    long = b"\xf8" + bytes(299)
    skeleton = page(2, 0, b"fishead\0", b"\x08", serial=1)
    assert list(packets.push(skeleton + OGG_HEAD)) == []
    assert packets.head == OPUS_HEAD
    assert list(packets.push(page(0, 960, PACKET + long[:255], b"\x03\xff"))) == [Packet(PACKET)]
    assert list(packets.push(page(0, 5, b"\xf8", b"\x01", serial=9))) == []  # another stream's
    rest = page(1, 2880, long[255:] + PACKET, b"\x2d\x03")
    assert list(packets.push(rest)) == [Packet(long), Packet(PACKET)]
    last = page(4, 2880 + 1000, PACKET * 2, b"\x03\x03")
    assert list(packets.push(last)) == [Packet(PACKET), Packet(PACKET, 920)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (OGG_HEAD + b"OgsS", "expected a page"),
        (OGG_HEAD + b"OggS\x01", "expected a page"),
        (OGG_HEAD + page(0, 0, b"", b"\x00"), "up to 120 ms"),
        (page(2, 0, b"OpusHead\x01\x00" + bytes(9), b"\x13"), None),
        (page(2, 0, b"OpusHead\x21\x01" + bytes(9), b"\x13"), None),
        (page(2, 0, OPUS_HEAD[:10], b"\x0a"), None),
        (OGG_HEAD + b"".join(page(1, -1, b"x" * 65_025, b"\xff" * 255) for _ in range(17)), "most"),
    ],
)
def test_damaged_ogg(data: bytes, message: str | None) -> None:
    if message is None:
        message = "expected its header"
        data += page(0, 0, b"OpusTags", b"\x08") + page(0, 960, PACKET, b"\x03")
    with pytest.raises(AudioError, match=message):
        decoded(data, 1)
