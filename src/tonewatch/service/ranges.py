"""Ranges of bytes (RFC 9110, section 14), so that a player can seek.

One range is served; several at once, units other than bytes and nonsense are answered with the
whole, as the RFC allows. It knows a size and a header, no file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `first` to `last`, both included, of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """The header `Content-Range`."""
        return f"bytes {self.first}-{self.last}/{self.size}"


class UnsatisfiableError(ValueError):
    """The range lies beyond the end."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that is asked for, None for the whole.

    Raises:
        UnsatisfiableError: no byte of it is there.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise UnsatisfiableError
        return ByteRange(size - length, size - 1, size)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise UnsatisfiableError
    return ByteRange(first, last, size)


def read_range(file: BinaryIO, wanted: ByteRange) -> Iterator[bytes]:
    """The bytes of a range, in chunks; the file is closed at the end."""
    with file:
        file.seek(wanted.first)
        left = wanted.length
        while left and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
