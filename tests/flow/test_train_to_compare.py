"""From training to a comparison: what runs write is what `compare` reads."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch (the extra `train`)")

from tonewatch.training.compare import compare, with_paces
from tonewatch.training.material import Material
from tonewatch.training.run import run
from tonewatch.training.runs import read_run
from training.small_run import SETTINGS
from training.small_run import frames as frames
from training.small_run import material as material


def test_runs_of_two_plans_are_compared(material: Material, tmp_path: Path) -> None:
    short = replace(SETTINGS.train, epochs=1, steps=2)
    base = replace(SETTINGS, final=False, first_folds=1, train=short)
    plans = {"base": base, "random": replace(base, folds="random:2")}
    for name, settings in plans.items():
        report = run(material, settings, tmp_path / name)
    found = with_paces(compare([read_run(tmp_path / name) for name in plans]))
    assert [r.name for r in found.runs] == ["base", "random"]
    assert found.conditions == ("mine, clean", "mine, telephone")
    (first,) = found.under("mine, clean")
    assert len(first.pooled.by_speaker) == 3
    leak = found.leaks[0]
    assert (leak.network, leak.honest, leak.leaky) == ("stream_cnn", "base", "random")
    assert leak.leaky_uar == pytest.approx(report.conditions[0].uar)
    assert 0 < leak.shared < 12
    assert set(found.paces) == {"base"}, "the leaky run is of the same network"
    assert found.paces["base"].ratio == 1
    per_ms = found.uar_per_ms(found.reference)
    assert per_ms == pytest.approx(first.uar / found.paces["base"].rtf / 1000)
    assert found.uar_per_ms(found.runs[1]) is None, "a leaky UAR is worth nothing here"
    assert all(r.bundle is not None for r in found.runs)
