"""The benches run; what they measure is no matter of tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tonewatch.corpora.folds import speaker_folds
from tonewatch.corpora.table import Table, Utterance
from tonewatch.simulate.cast import Cast

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


def test_the_triage_bench_puts_calls_in_order(
    tmp_path: Path, tiny_bundle: Path, shared_data: Path
) -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    assert shared_data.is_dir()
    target = tmp_path / "numbers.json"
    came = bench("triage", "--quick", "--json", str(target), "--bundle", str(tiny_bundle))
    assert came.returncode == 0, came.stderr[-2_000:]
    (measured,) = json.loads(target.read_text("utf-8"))["benches"]["triage"]
    auc = {name: found["auc"] for name, found in measured["scores"].items()}
    # The tiny bundle names no speakers, so the voices are those of the report.
    assert "docs/reports/voice" in measured["voices"]
    assert auc["google: voice only, moods clear"] > 0.9
    assert auc["google: voice only, moods none"] == pytest.approx(0.5, abs=0.1)
    assert auc["google: words and voice, moods clear"] > auc["google: words only"]


def test_an_unknown_bench_is_wrong_usage() -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    came = bench("horoscope")
    assert came.returncode == 2
    assert "expected speed" in came.stderr


def test_bundles_of_several_folds_are_for_triage_alone() -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    came = bench("features", "--bundle", "voice", "--bundle", "voice")
    assert came.returncode == 2
    assert "expected one bundle" in came.stderr


def test_a_fold_is_asked_of_the_actors_that_it_was_tested_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.triage import unheard_by

    speakers = [f"{corpus}:{k:02d}" for corpus, n in (("c", 10), ("d", 5)) for k in range(n)]
    utterances = [Utterance(Path(s), "sad", s, None, "en", s[0]) for s in speakers]
    cast = Cast.of(Table(tuple(utterances)))
    tested: list[str] = []
    for fold in speaker_folds(utterances, 5):
        sides = {"speakers": fold.train, "validation_speakers": fold.validation}
        told = {name: [speakers[i] for i in side] for name, side in sides.items()}
        asked = list(unheard_by(cast, told).takes)
        assert asked == [speakers[i] for i in fold.test]
        tested += asked
    assert sorted(tested) == sorted(speakers)
    assert not unheard_by(cast, {}).takes
