import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.service.ranges import ByteRange, UnsatisfiableError, parse_range, read_range


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=10-", 10, 99),
        ("bytes=-7", 93, 99),
        ("bytes=-700", 0, 99),
        ("bytes=50-700", 50, 99),
        ("bytes= 1-2 ", 1, 2),
    ],
)
def test_one_range(header: str, first: int, last: int) -> None:
    assert parse_range(header, 100) == ByteRange(first, last, 100)


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=", "bytes=-", "bytes=5-2", "items=0-1", "bytes=0-1,4-5", "bytes=a-b"],
)
def test_what_is_no_single_range_is_the_whole(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_beyond_the_end(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range(header, 100)


@given(st.integers(1, 300_000), st.data())
def test_bytes_are_those_of_the_file(size: int, data: st.DataObject) -> None:
    content = bytes(i % 251 for i in range(size))
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    wanted = parse_range(f"bytes={first}-{last}", size)
    assert wanted is not None
    file = io.BytesIO(content)
    assert b"".join(read_range(file, wanted)) == content[first : last + 1]
    assert file.closed
    assert wanted.content_range == f"bytes {first}-{last}/{size}"
