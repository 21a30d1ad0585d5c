"""Samples that wait are handed on whole, whatever pieces they came in, from the same memory."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.signal import Waiting


@given(
    pieces=st.lists(st.integers(0, 9), max_size=30),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5),
)
def test_what_waited_is_handed_on_in_order(pieces: list[int], sizes: list[int]) -> None:
    waiting = Waiting(max(sizes))
    stream = np.arange(sum(pieces), dtype=np.float32)
    whole: list[float] = []
    lengths: list[int] = []
    at = 0
    for size in pieces:
        rest = stream[at : at + size]
        at += size
        while rest.size:
            enough = sizes[len(lengths) % len(sizes)]
            ready, rest = waiting.fill(rest, enough)
            if ready is not None:
                whole += ready.tolist()
                lengths.append(ready.size)
    assert lengths == [sizes[k % len(sizes)] for k in range(len(lengths))]
    assert [*whole, *waiting.samples.tolist()] == stream.tolist()
    assert waiting.samples.size < sizes[len(lengths) % len(sizes)]


def test_it_takes_no_more_memory_and_can_be_cleared() -> None:
    waiting = Waiting(4)
    ready = [waiting.fill(np.full(4, k, np.float32), 4)[0] for k in range(2)]
    assert ready[0] is not None and ready[1] is not None
    assert np.shares_memory(ready[0], ready[1])
    waiting.fill(np.ones(3, np.float32), 4)
    waiting.clear()
    assert waiting.samples.size == 0
