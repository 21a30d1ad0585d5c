"""Bytes of a live stream on their way to the decoder, and the gaps between them; pure."""

from collections.abc import Iterator, Sequence

from tonewatch.call.formats import Encoding

SAMPLE_BYTES = {Encoding.PCM_S16LE: 2, Encoding.MULAW: 1, Encoding.ALAW: 1}
"""How long a sample is; of Opus nobody knows."""

SILENCE = {Encoding.PCM_S16LE: b"\0", Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}
"""A byte of it; 0 is nearly full scale in u-law, a sixth of it in A-law (G.711, tables 1 and 2)."""

Chunk = tuple[bytes | int, float]
"""Bytes, or how many frames of samples are lost, and when they came."""


def joined(chunks: Sequence[Chunk], most_bytes: int) -> Iterator[Chunk]:
    """Neighbouring bytes in one, up to so many; they came when the last of them did."""
    pieces: list[bytes] = []
    n_bytes = 0  # counted as they come, or a second of one-byte frames would cost minutes
    came = 0.0
    for data, at in chunks:
        if pieces and (isinstance(data, int) or n_bytes + len(data) > most_bytes):
            yield b"".join(pieces), came
            pieces, n_bytes = [], 0
        if isinstance(data, int):
            yield data, at
        else:
            pieces.append(data)
            n_bytes += len(data)
            came = at
    if pieces:
        yield b"".join(pieces), came
