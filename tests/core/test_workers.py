import os

from tonewatch.core.workers import workers

MARK = "TONEWATCH_TEST_MARK"


def remember(word: str) -> None:
    os.environ[MARK] = word


def seen(_: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get(MARK)


def test_each_process_has_one_thread_and_was_started_as_asked() -> None:
    before = dict(os.environ)
    with workers(2, remember, ("here",)) as pool:
        answers = list(pool.map(seen, range(4)))
    assert answers == [("1", "here")] * 4
    assert dict(os.environ) == before
