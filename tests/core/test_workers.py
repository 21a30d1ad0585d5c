import os
from contextlib import ExitStack
from pathlib import Path

from tonewatch.core.workers import workers


def test_each_process_has_one_thread_and_was_started_as_asked(tmp_path: Path) -> None:
    before = dict(os.environ)
    with workers(2, os.chdir, (tmp_path,)) as pool:
        threads = list(pool.map(os.getenv, ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]))
        folder = pool.submit(os.getcwd).result()
    assert threads == ["1", "1"]
    assert Path(folder) == tmp_path
    assert dict(os.environ) == before


def test_of_two_pools_the_last_that_ends_undoes_it() -> None:
    before = dict(os.environ)
    with ExitStack() as first:
        first.enter_context(workers(1))
        with workers(1) as second:
            first.close()
            assert second.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert dict(os.environ) == before
