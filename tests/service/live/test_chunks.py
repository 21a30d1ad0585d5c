"""Bytes on their way to the decoder."""

from tonewatch.service.live.chunks import Chunk, joined


class Counted(bytes):
    """Bytes that count how often they were measured."""

    n_measured = 0

    def __len__(self) -> int:
        Counted.n_measured += 1
        return super().__len__()


def test_neighbours_are_joined_up_to_a_size_and_not_over_a_gap() -> None:
    chunks: list[Chunk] = [
        (b"ab", 1.0),
        (b"c", 2.0),
        (b"de", 3.0),
        (7, 4.0),
        (b"f", 5.0),
        (b"ghijk", 6.0),
    ]
    assert list(joined(chunks, 4)) == [
        (b"abc", 2.0),
        (b"de", 3.0),
        (7, 4.0),
        (b"f", 5.0),
        (b"ghijk", 6.0),
    ]


def test_work_grows_with_the_frames_alone() -> None:
    n = 1000
    assert [data for data, _ in joined([(Counted(b"x"), 0.0)] * n, n)] == [b"x" * n]
    assert Counted.n_measured <= 3 * n
