"""The benches run; what they measure is no matter of tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_features_bench_runs(tmp_path: Path, tiny_bundle: Path) -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    pytest.importorskip("kaldi_native_fbank", reason="needs the extra `bench`")
    target = tmp_path / "numbers.json"
    came = bench("features", "--quick", "--json", str(target), "--bundle", str(tiny_bundle))
    assert came.returncode == 0, came.stderr[-2_000:]
    content = json.loads(target.read_text("utf-8"))
    assert content["quick"]
    (measured,) = content["benches"]["features"]
    assert set(measured["cpu_s"]) == {"tonewatch.audio.features", "kaldi-native-fbank"}
    assert all(seconds > 0 for seconds in measured["cpu_s"].values())
    assert "times ours" in came.stdout


def test_an_unknown_bench_is_wrong_usage() -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    came = bench("horoscope")
    assert came.returncode == 2
    assert "expected speed" in came.stderr
