import re
from dataclasses import replace
from pathlib import Path

import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.training.material import RunSettings, WindowRun
from tonewatch.training.networks import window_network
from tonewatch.training.overrides import settable, with_settings

BASE = RunSettings()
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "training.md"


def test_settings_of_every_part_are_set_by_their_type() -> None:
    came = with_settings(
        BASE,
        [
            "batch.warp=0", "train.epochs=3", "network.baseline=false", "network.widths=4,4,8,8",
            "augment.snr_db=5,20", "augment.gain_db=-3, 3", "features.n_bands=80",
            "network.n_bands=80",
            "dataset.seed=9",
        ],
    )  # fmt: skip
    assert (came.train.batch.warp, came.train.epochs, came.train.network.baseline) == (
        0.0,
        3,
        False,
    )
    assert came.train.network.widths == (4, 4, 8, 8)
    assert came.dataset.augment.snr_db == (5.0, 20.0)
    assert came.dataset.augment.gain_db == (-3.0, 3.0)
    assert (came.dataset.features.n_bands, came.dataset.seed) == (80, 9)
    assert isinstance(came.train.batch.warp, float)
    assert with_settings(BASE, []) == BASE


def test_every_value_as_it_is_can_be_set_again() -> None:
    def text(value: object) -> str:
        plain = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return plain.lower() if isinstance(value, bool) else plain

    known = settable(BASE)
    assert len(known) > 40
    assert with_settings(BASE, [f"{name}={text(v)}" for name, v in known.items()]) == BASE


def test_a_whole_window_network_has_its_own_names() -> None:
    network = window_network("td_cnn_lstm")
    base = replace(BASE, window=WindowRun(network))
    came = with_settings(base, ["train.batch_size=8", "augment.noise=0"])
    assert came.window is not None and came.window.train.batch_size == 8
    assert came.window.dataset.augment.noise == 0
    assert came.train == BASE.train
    with pytest.raises(SettingsError, match=r"expected GROUP.NAME=VALUE"):
        with_settings(base, ["batch.warp=0"])


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("batch.warp", "GROUP.NAME=VALUE"),
        ("batch.wrap=0", "batch.warp"),
        ("train.corpus_weights=1", "GROUP.NAME=VALUE"),
        ("train.epochs=1.5", "a whole number"),
        ("train.epochs=0", "at least 1"),
        ("train.learning_rate=nan", "a number"),
        ("train.learning_rate=-1", "at least 0"),
        ("batch.clean=1.2", "at most 1"),
        ("batch.clean=0.9", "shares of the same draws"),
        ("batch.shortest_frames=400", "longest_frames"),
        ("augment.speed=1.1", "commas"),
        ("augment.speed=1.1,0.9", "low to high"),
        ("augment.speed=0,1", "augment.speed of at least 0.25 and at most 4, came 0"),
        ("augment.speed=1,9", "at most 4"),
        ("batch.tempo=1", "at most 0.5"),
        ("batch.bands=65", "at most network.n_bands, 64"),
        ("batch.pitches=41", "at most network.n_pitches, 40"),
        ("batch.pitch_shift=41", "at most network.n_pitches, 40"),
        ("batch.no_pitch=1.1", "at most 1"),
        ("network.n_pitches=0", "set both"),
        ("features.n_pitches=36", "set both"),
        ("network.baseline=0", "true or false"),
        ("features.kind=wav", "log_mel or mfcc"),
        ("features.kind=mfcc", "a multiple of 16"),
        ("network.n_bands=80", "set both"),
        ("network.widths=4,4", "four network.widths"),
        ("network.pitch_widths=4,0,4", "three network.pitch_widths"),
        ("network.widths=4,4,0,4", "four network.widths"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(pair: str, told: str) -> None:
    base = with_settings(BASE, ["batch.line=0.2"])
    with pytest.raises(SettingsError, match=re.escape(told)):
        with_settings(base, [pair])


def test_what_is_done_to_bands_is_not_done_to_mfccs() -> None:
    mfcc = ["features.kind=mfcc", "features.n_coefficients=32", "network.n_bands=32"]
    without = ["batch.warp=0", "batch.gain=0", "batch.bands=0"]
    assert with_settings(BASE, [*mfcc, *without]).dataset.features.kind == "mfcc"
    for left_out in without:
        few = [pair for pair in without if pair != left_out]
        with pytest.raises(SettingsError, match=r"whose numbers are not bands.*set all to 0"):
            with_settings(BASE, [*mfcc, *few])


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = dict(rows)
    assert set(documented) == set(settable(BASE))
    for name, value in settable(BASE).items():
        plain = ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value}"
        assert documented[name].strip("`") == plain.lower().removesuffix(".0"), name
