"""What a file is, by its first bytes; and how much audio its header promises.

It decodes nothing. Files are known by these bytes alone, so that no decoder is ever let loose on
text, playlists (which make FFmpeg open other files) or noise. Sources for WAV: Multimedia
Programming Interface and Data Specifications 1.0 (1991) for RIFF, EBU Tech 3306 for RF64; for Ogg
RFC 3533.
"""

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

from tonewatch.core.errors import AbsurdHeaderError, NoChannelsError, TruncatedAudioError

Container: TypeAlias = Literal[
    "wav", "w64", "flac", "ogg", "aiff", "au", "caf", "mp3", "aac", "mov", "matroska", "amr", "asf"
]
"""Formats told by their first bytes, each by FFmpeg's name for its reader."""

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
MAX_CHANNELS = 64

_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_UNKNOWN_FROM = 0x7FFF0000
"""Writers to a pipe put 0xFFFFFFFF (FFmpeg) or just below 2**31 (SoX) for a size not yet known."""
_ENDLESS_32, _ENDLESS_64 = 0x7EFF0000, 2**62
"""The like for AIFF and AU (SoX: frames of 0x7F000000 bytes), and for W64 and CAF."""
_MAX_CHUNKS = 1_000
_OGG_PAGE = re.compile(rb"OggS\0([\0-\7])", re.DOTALL)
_OGG_BEGINS = 2
_BLOCK_BYTES = 2**16
# Of each format: where its chunks begin, the head of one (name, length), the name of that with the
# audio, the bytes of the head that its length counts, what lengths are rounded up to, and from
# where on they are unknown. Sources: Apple's AIFF-C (1991) and CAF, Sony's Wave64.
_CHUNKS: dict[Container, tuple[int, str, bytes, int, int, int]] = {
    "aiff": (12, ">4sI", b"SSND", 0, 2, _ENDLESS_32),
    "caf": (8, ">4sq", b"data", 0, 1, _ENDLESS_64),
    "w64": (40, "<16sQ", b"data", 24, 8, _ENDLESS_64),
}


def sniff(file: BinaryIO) -> Container | None:
    """Tell the format of `file`, whose position is moved; None means unknown."""
    file.seek(0)
    head = file.read(16)
    if head[:3] == b"ID3":
        file.seek(id3_bytes(head) or 0)
        return _known(file.read(16)) or "mp3"
    return _known(head)


def is_chained_ogg(file: BinaryIO) -> bool:
    """Tell whether a stream begins in an Ogg file after the pages of another one.

    Args:
        file: positioned anywhere, is moved.
    """
    file.seek(0)
    under_way, tail = False, b""
    while block := file.read(_BLOCK_BYTES):
        block = tail + block
        for page in _OGG_PAGE.finditer(block):
            begins = bool(page[1][0] & _OGG_BEGINS)
            if begins and under_way:
                return True
            under_way = not begins
        tail = block[-5:]
    return False


def id3_bytes(head: bytes) -> int | None:
    """Length in bytes of the ID3v2 tag that begins with `head`; None if none does."""
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 0x7F:
        return None
    size = 0
    for byte in head[6:10]:  # seven bits a byte (ID3v2.4, section 6.2)
        size = size << 7 | byte
    return 10 + size


def _known(head: bytes) -> Container | None:
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] in (b"WAVE", b""):
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in _MOV_ATOMS:
        return "mov"
    starts: tuple[tuple[bytes, Container], ...] = (
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b".snd", "au"),
        (b"caff", "caf"),
        (b"riff\x2e\x91\xcf\x11", "w64"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"#!AMR", "amr"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    )
    for start, container in starts:
        if head.startswith(start):
            return container
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _mpeg_audio(head)
    return None


def _mpeg_audio(head: bytes) -> Container | None:
    """An MPEG audio or ADTS frame, whose eleven sync bits are common in noise as well."""
    layer = head[1] >> 1 & 3
    if layer == 0:
        return "aac" if head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 15 < 13 else None
    version, bit_rate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return "mp3" if version != 1 and bit_rate not in (0, 15) and rate != 3 else None


def check_rate_and_channels(rate_hz: int, channels: int, what: str) -> None:
    """Refuse what no recording has.

    Raises:
        NoChannelsError: no channels.
        AbsurdHeaderError: a rate or channel count out of bounds.
    """
    if channels == 0:
        raise NoChannelsError(
            f"{what}: expected at least one channel, its header says 0. Record or export it again."
        )
    if channels > MAX_CHANNELS:
        raise AbsurdHeaderError(
            f"{what}: expected at most {MAX_CHANNELS} channels, its header says {channels}. "
            "The header is damaged, or the file needs to be split."
        )
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AbsurdHeaderError(
            f"{what}: expected a rate of {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, its header says "
            f"{rate_hz} Hz. The header is damaged: export the file again."
        )


@dataclass(frozen=True)
class WavHeader:
    """What a WAV header says and the file has.

    Attributes:
        rate_hz: sampling rate in Hz.
        channels: number of channels.
        data_bytes: bytes of audio that the header promises; None when it was never filled in.
        held_bytes: bytes in the file from the first of the audio on.
    """

    rate_hz: int
    channels: int
    data_bytes: int | None
    held_bytes: int


def read_wav_header(file: BinaryIO, what: str) -> WavHeader:
    """Walk the chunks of a RIFF or RF64 file up to its audio.

    Args:
        file: positioned anywhere, is moved.
        what: the file's name for messages.

    Raises:
        TruncatedAudioError: the file ends within its header, or within the audio that the header
            promises; a missing part of the last frame is let pass.
        NoChannelsError, AbsurdHeaderError: see `check_rate_and_channels`.
    """
    size = file.seek(0, 2)
    file.seek(0)
    riff = file.read(12)
    order = ">" if riff[:4] == b"RIFX" else "<"
    closed = len(riff) == 12 and 0 <= size - 8 - struct.unpack(order + "I", riff[4:8])[0] <= 1
    rate_hz = channels = frame_bytes = -1
    long_size = None
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, length = head[:4], struct.unpack(order + "I", head[4:])[0]
        start = file.tell()
        if name == b"ds64":
            body = file.read(16)
            long_size = struct.unpack("<Q", body[8:])[0] if len(body) == 16 else None
        elif name == b"fmt " and len(body := file.read(16)) >= 14:
            channels, rate_hz, _, frame_bytes = struct.unpack(order + "HIIH", body[2:14])
        elif name == b"data" and channels >= 0:
            check_rate_and_channels(rate_hz, channels, what)
            promised = _promised(length, long_size, closed)
            header = WavHeader(rate_hz, channels, promised, size - start)
            _compare(header.data_bytes or 0, header.held_bytes, max(frame_bytes, 1), what)
            return header
        file.seek(start + length + length % 2)
    raise TruncatedAudioError(
        f"{what}: expected a WAV file with format and audio, it ends or is damaged before the "
        "audio. Copy or download the file again."
    )


def check_promise(file: BinaryIO, container: Container, what: str) -> None:
    """Compare the length of the audio in the header of AIFF, W64, CAF or AU with the file's.

    Headers without a length, or without audio, are let pass, and so are all other formats.

    Args:
        file: positioned anywhere, is moved.
        container: its format.
        what: the file's name for messages.

    Raises:
        TruncatedAudioError: the file ends within its audio.
    """
    size = file.seek(0, 2)
    if container == "au":
        file.seek(4)
        head = file.read(8)
        start, length = struct.unpack(">II", head) if len(head) == 8 else (0, 0)
        if length < _ENDLESS_32:
            _compare(length, size - start, 0, what)
        return
    if container not in _CHUNKS:
        return
    at, form, audio, own, align, endless = _CHUNKS[container]
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(struct.calcsize(form))
        if len(head) < struct.calcsize(form):
            return
        name, length = struct.unpack(form, head)
        start, length = at + len(head), length - own
        if name.startswith(audio):
            if 0 < length < endless:
                _compare(length, size - start, 0, what)
            return
        if not 0 <= length <= size:
            return
        at = start + length + -length % align


def _compare(promised: int, held: int, slack: int, what: str) -> None:
    if promised > held + slack:
        raise TruncatedAudioError(
            f"{what}: expected {promised} bytes of audio as its header says, found {max(held, 0)}. "
            "Copy or download the file again."
        )


def _promised(length: int, long_size: int | None, closed: bool) -> int | None:
    if length == 0xFFFFFFFF and long_size:
        return long_size
    unknown = length >= _UNKNOWN_FROM or (length == 0 and not closed)
    return None if unknown else length
