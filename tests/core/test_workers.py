import os
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
