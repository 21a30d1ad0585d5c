"""The ablation runs; what it finds is no matter of tests."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("torch", reason="needs torch (the extra `train`)")


@pytest.fixture(autouse=True)
def benches(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benches are not part of a source distribution")
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_run_for_each_part_and_corpus() -> None:
    from bench.ablation import REFERENCE, variants

    found = variants(["emodb", "noise", "ravdess", "ravdess_song"], [])
    assert found[REFERENCE] == []
    assert found["without-corpus-ravdess_song"] == ["--weight", "ravdess_song=0"]
    assert found["without-corpus-noise"] == ["--weight", "noise=0"]
    assert found["without-warp"][-2:] == ["--set", "batch.warp=0"]
    expected = {"without-noise", "without-telephone", "without-baseline", "without-melody"}
    assert {*expected, "windows-2s"} <= set(found)
    assert found["another-seed"] == ["--set", "train.seed=2"]
    one = variants(["noise", "ravdess"], ["batch.warp=0"])
    assert "without-warp" not in one, "the reference has none"
    assert ("with-tempo" in one) != ("without-tempo" in one)
    assert "with-tempo" not in variants(["ravdess"], ["batch.tempo=0.2"])
    assert not any("corpus" in name for name in one)


def test_the_smallest_ablation_there_is(
    voices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.ablation import main

    line = [
        "--corpus", f"mine:folders={voices}", "--out", str(tmp_path / "runs"), "--report",
        str(tmp_path / "report"), "--folds", "speaker:2", "--first-folds", "1", "--epochs", "1",
        "--set", "network.widths=4,4,8,8", "--set", "network.embedding=16", "--only",
        "without-warp", "--steps", "1", "--copies", "2", "--jobs", "1", "--device", "cpu",
    ]  # fmt: skip
    main(line)
    plain = json.loads((tmp_path / "report" / "compare.json").read_text("utf-8"))
    assert [run["name"] for run in plain["runs"]] == ["all", "without-warp"]
    assert plain["runs"][1]["settings"]["train"]["batch"]["warp"] == 0
    assert plain["runs"][0]["settings"]["train"]["network"]["widths"] == [4, 4, 8, 8]
    assert list(plain["conditions"]) == ["mine, clean", "mine, telephone"]
    assert "without-warp" in capsys.readouterr().out
    row = (tmp_path / "report" / "means.md").read_text("utf-8").splitlines()[3]
    of_line = plain["conditions"]["mine, telephone"]
    gain = of_line["without-warp"]["uar"] - of_line["all"]["uar"]
    assert row.startswith("| `without-warp` | ")
    assert row.endswith(f" | {of_line['without-warp']['uar']:.3f} | {gain:+.3f} |")
    (done,) = (tmp_path / "runs" / "all").glob("*/fold.json")
    before = done.stat().st_mtime_ns
    main(line)
    assert done.stat().st_mtime_ns == before
    line[line.index("--steps") + 1] = "2"
    with pytest.raises(SystemExit):
        main(line)
    assert "what it was begun with" in capsys.readouterr().err
