from pathlib import Path

import numpy as np
import pytest

from tonewatch.training import gravity
from tonewatch.training.gravity import (
    LABELS,
    calibrate,
    ece,
    fold_models,
    log_softmax,
    read_calls,
    score,
)
from tonewatch.training.sentences import FIRST, with_errors, written_sentences
from tonewatch.triage.words import tokens


def test_a_call_has_one_number_whoever_wrote_it_down(shared_data: Path) -> None:
    rows = read_calls(shared_data / "text" / "calls")
    assert len(rows.texts) == 456
    for call in range(152):
        here = rows.calls == call
        assert len(set(rows.classes[here].tolist())) == 1
    # Google's last row is its row 27 again.
    google = rows.recognisers == "google"
    assert sorted(np.flatnonzero(rows.calls[google] == 27).tolist()) == [27, 151]


def test_a_fold_s_model_has_not_read_its_calls(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_calls(shared_data / "text" / "calls")
    monkeypatch.setattr(gravity, "fit", lambda rows, train, extra, seed: train)
    monkeypatch.setattr(gravity, "write", lambda fitted, out, more: fitted)
    tested: list[int] = []
    for test, train in fold_models(rows, tmp_path):
        assert not set(rows.calls[test].tolist()) & set(rows.calls[np.asarray(train)].tolist())
        tested += test.tolist()
    assert sorted(tested) == list(range(456))


def test_written_sentences_fill_their_slots_and_have_all_classes() -> None:
    written = written_sentences(np.random.default_rng(0))
    assert not [text for text in written.texts if "{" in text]
    for scene in set(written.scenes):
        of = [int(k) for k, s in zip(written.classes, written.scenes, strict=True) if s == scene]
        assert set(of) == set(range(len(LABELS))), scene


def test_no_sentence_is_written_twice() -> None:
    written = written_sentences(np.random.default_rng(0), each=1)
    texts = [text.lower() for text in written.texts]
    assert not {text for text in texts if texts.count(text) > 1}


def test_a_scene_that_is_left_out_is_not_read_and_changes_no_other() -> None:
    whole = written_sentences(np.random.default_rng(0))
    less = written_sentences(np.random.default_rng(0), without=frozenset({"en fire", FIRST}))
    kept = [
        text
        for text, scene in zip(whole.texts, whole.scenes, strict=True)
        if scene not in {"en fire", FIRST}
    ]
    assert less.texts == kept
    assert 0 < len(kept) < len(whole.texts)


def test_no_clean_test_sentence_is_learnt_from() -> None:
    def words(text: str) -> tuple[str, ...]:
        return tuple(token.text for token in tokens(text) if token.is_word)

    learnt = {words(text) for text in written_sentences(np.random.default_rng(0), each=20).texts}
    for path in (Path(__file__).parents[1] / "triage").glob("sentences*.tsv"):
        asked = {words(line.split("\t")[1]) for line in path.read_text("utf-8").splitlines()}
        assert len(asked & learnt) == 0, f"{path.name} has sentences that are learnt from"


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4])
def test_word_errors_come_at_their_rate(rate: float) -> None:
    text = " ".join(f"w{i}" for i in range(4000))
    heard = with_errors(text, rate, ["x"], np.random.default_rng(0)).split()
    kept = sum(word != "x" for word in heard)
    assert kept / 4000 == pytest.approx(1 - 0.8 * rate, abs=0.03)
    assert len(heard) / 4000 == pytest.approx(1.0, abs=0.03)


def test_score_known_answer() -> None:
    y, told = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    f1, recall = score(y, told)
    assert f1 == pytest.approx((0.5 + 2 / 3 + 0) / 3)
    assert recall == 0.5


def test_calibration_mends_too_sure_scores() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(3000, 3))
    p = np.exp(log_softmax(z))
    y = (p.cumsum(axis=1) > rng.random((3000, 1))).argmax(axis=1)
    temperature, bias = calibrate(5 * z, y)
    assert temperature == pytest.approx(5, rel=0.15)
    assert np.abs(bias).max() < 0.15
    before = ece(np.exp(log_softmax(5 * z)), y)
    assert ece(np.exp(log_softmax(5 * z / temperature + bias)), y) < before / 3
