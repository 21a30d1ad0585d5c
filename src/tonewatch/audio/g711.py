"""G.711 companding: u-law and A-law bytes from and to 16-bit samples, by table.

It knows nothing of rates, packets or files. Source: ITU-T Recommendation G.711 (11/1988), tables 1
and 2; 16-bit samples carry the 14-bit (u-law) or 13-bit (A-law) values in their upper bits, and
negative samples are taken as one's complement, as in the ITU-T G.191 software tools.
"""

from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Law: TypeAlias = Literal["ulaw", "alaw"]
"""The two companding laws: u-law (North America, Japan) and A-law (elsewhere)."""

_ULAW_BIAS = 132  # 33 on the 14-bit scale
_ULAW_TOP = 32635  # the last magnitude below 2**15 once biased


def encode(pcm: NDArray[np.int16], law: Law) -> NDArray[np.uint8]:
    """Compand 16-bit samples, any shape, to one byte each."""
    return _encode_table(law)[pcm.view(np.uint16)]


def decode(codes: NDArray[np.uint8], law: Law) -> NDArray[np.int16]:
    """Expand bytes, any shape, to 16-bit samples."""
    return _decode_table(law)[codes]


@cache
def _decode_table(law: Law) -> NDArray[np.int16]:
    codes = np.arange(256, dtype=np.int32)
    bits = codes ^ (0xFF if law == "ulaw" else 0x55)
    segment, step = (bits >> 4) & 7, bits & 15
    if law == "ulaw":
        magnitude = (((step << 3) + _ULAW_BIAS) << segment) - _ULAW_BIAS
        negative = bits & 0x80 != 0
    else:
        first = (step << 4) + 8
        magnitude = np.where(segment == 0, first, (first + 256) << np.maximum(segment - 1, 0))
        negative = bits & 0x80 == 0
    return np.where(negative, -magnitude, magnitude).astype(np.int16)


@cache
def _encode_table(law: Law) -> NDArray[np.uint8]:
    """The byte of every 16-bit sample, indexed by its two's complement bits."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(pcm < 0, ~pcm, pcm)
    if law == "ulaw":
        biased = np.minimum(magnitude, _ULAW_TOP) + _ULAW_BIAS
        segment = _top_bit(biased) - 7
        bits = (segment << 4) | ((biased >> (segment + 3)) & 15)
        return ((bits | np.where(pcm < 0, 0x80, 0)) ^ 0xFF).astype(np.uint8)
    segment = np.maximum(_top_bit(magnitude | 1) - 7, 0)
    step = (magnitude >> np.where(segment == 0, 4, segment + 3)) & 15
    return (((segment << 4) | step | np.where(pcm < 0, 0, 0x80)) ^ 0x55).astype(np.uint8)


def _top_bit(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """The position of the highest set bit of positive numbers."""
    return (np.frexp(values)[1] - 1).astype(np.int32)
