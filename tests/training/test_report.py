import json
import re
from pathlib import Path

import numpy as np
import pytest

from tonewatch.core.errors import TrainingError
from tonewatch.inference.scores import Predictions, joined, uar
from tonewatch.training.loop import Epoch
from tonewatch.training.report import FoldResult, RunReport, write_report

LABELS = ("neutral", "happy", "sad", "angry")


def answers(fold: int, skill: float, n_speakers: int = 4, corpus: str = "ravdess") -> Predictions:
    rng = np.random.default_rng(fold)
    n = 20 * n_speakers
    target = np.tile(np.arange(len(LABELS)), n // len(LABELS))
    logits = rng.normal(size=(n, len(LABELS))) + skill * np.eye(len(LABELS))[target]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    speakers = [n_speakers * fold + row // 20 for row in range(n)]
    return Predictions(
        LABELS,
        probabilities,
        target,
        probabilities.max(1) > 0.8,
        tuple(f"{corpus}:{speaker:02d}" for speaker in speakers),
        tuple(("male", "female")[speaker % 2] for speaker in speakers),
        (corpus,) * n,
        tuple(f"{row}.wav" for row in range(n)),
    )


def history(n: int, validation_loss: float = 1.0) -> list[Epoch]:
    return [Epoch(i, 2 / (i + 1), i / n, validation_loss, 0.5 * i / n, 0.4, 9.0) for i in range(n)]


def run(n_folds: int = 3, *, leaky: bool = False) -> RunReport:
    folds = [
        FoldResult(
            f"speaker-{fold + 1}",
            f"fold {fold + 1}: tested on <others> & nobody else",
            leaky,
            history(4),
            2,
            100.0,
            {"clean": answers(fold, 3.0), "telephone line": answers(fold, 1.0)},
        )
        for fold in range(n_folds)
    ]
    return RunReport(
        "A run <1>", LABELS, "Speaker-independent: three folds.", folds,
        {"seed": 7, "widths": (1, 2)}, "2 cores", ("bored was left out (58)",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("run") / "report", run()).parent


def test_json_holds_scores_history_and_settings(written: Path) -> None:
    plain = json.loads((written / "report.json").read_text("utf-8"))
    clean = plain["conditions"]["clean"]
    each = [uar(answers(fold, 3.0)) for fold in range(3)]
    assert clean["uar_mean_over_folds"] == pytest.approx(np.mean(each))
    assert list(clean["uar_by_fold"].values()) == pytest.approx(each)
    assert clean["pooled"]["uar"] == pytest.approx(
        uar(joined([answers(fold, 3.0) for fold in range(3)]))
    )
    low, high = clean["uar_interval"]
    assert low < clean["pooled"]["uar"] < high
    assert (plain["settings"]["seed"], plain["hardware"], plain["speech"]) == (
        7,
        "2 cores",
        "acted",
    )
    assert [fold["best_epoch"] for fold in plain["folds"]] == [2, 2, 2]
    bins = {name: np.array(values) for name, values in clean["reliability"].items()}
    gaps = bins["count"] * np.abs(bins["confidence"] - bins["accuracy"])
    assert gaps.sum() / bins["count"].sum() == pytest.approx(clean["pooled"]["ece"])
    assert len(plain["folds"][0]["history"]) == 4


def test_every_picture_is_a_png(written: Path) -> None:
    kinds = ("confusion", "reliability", "certain", "speakers")
    expected = {"curves.png"} | {f"{k}-{c}.png" for k in kinds for c in ("clean", "telephone-line")}
    pictures = set(written.glob("*.png"))
    assert {path.name for path in pictures} == expected
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_page_tells_the_protocol_and_the_score_first(written: Path) -> None:
    page = (written / "report.html").read_text("utf-8")
    mean = float(np.mean([uar(answers(fold, 3.0)) for fold in range(3)]))
    first = page[page.index("<body>") : page.index("Test: clean")]
    for words in ("Speaker-independent: three folds.", "Acted speech", f"{mean:.3f}", "95 %"):
        assert words in first
    assert "A run &lt;1&gt;" in first
    assert "<others>" not in page
    assert "LEAKY" not in page
    for words in ("2 cores", "bored was left out (58)", "seed", "tested on &lt;others&gt; &amp;"):
        assert words in page


def test_page_needs_nothing_from_elsewhere(written: Path) -> None:
    page = (written / "report.html").read_text("utf-8")
    assert page.count("<svg") == 9
    assert not re.search(r'(?:src|href)="(?!#)', page.replace("http://www.w3.org", ""))
    assert "<script" not in page and "@import" not in page


def test_references_inside_the_drawings_are_whole_and_their_own(written: Path) -> None:
    page = (written / "report.html").read_text("utf-8")
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    used = re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'href="#([^"]+)"', page)
    assert used and set(used) <= set(identifiers)


def test_a_leaky_run_is_loud(tmp_path: Path) -> None:
    page = write_report(tmp_path, run(1, leaky=True)).read_text("utf-8")
    assert page.index("LEAKY") < page.index("Acted speech")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["leaky"] is True


def test_same_run_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(tmp_path / name, run(1))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_odd_runs_are_reported_too(tmp_path: Path) -> None:
    """Two speakers, no validation loss, nothing answered, a condition of one fold only."""
    base = answers(0, 1.0, n_speakers=1, corpus="tess")
    silent = Predictions(
        base.labels, base.probabilities * 0, base.target, base.certain, (None,) * len(base),
        (None,) * len(base), base.corpora, base.paths,
    )  # fmt: skip
    nan = float("nan")
    folds = [
        FoldResult("first", "p", False, history(2, nan), 1, 1.0, {"clean": base}),
        FoldResult("second", "p", False, [], -1, 9000.0, {"clean": base, "odd": silent}),
    ]
    page = write_report(tmp_path, RunReport("t", LABELS, "p", folds)).read_text("utf-8")
    assert "too few speakers" in page
    assert "In 20 of 20 recordings no speech was heard" in page
    plain = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert plain["folds"][0]["history"][0]["validation_loss"] is None
    assert plain["conditions"]["odd"]["uar_by_fold"] == {"second": 0.0}


def test_a_run_without_a_test_is_an_error() -> None:
    with pytest.raises(TrainingError):
        RunReport("t", LABELS, "p", [])
