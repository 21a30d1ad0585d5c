import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.untrained import NO_SPEECH, emodb_like, untrained_bundle
from tonewatch.core.errors import CorpusError
from tonewatch.corpora import Table, read_corpus
from tonewatch.inference.bundle import Bundle
from tonewatch.inference.evaluation import evaluate, under
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.protocol import known_voices
from tonewatch.inference.recording import analyze

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return untrained_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return read_corpus("emodb", emodb_like(tmp_path_factory.mktemp("emodb")))


def test_a_part_of_a_corpus_is_scored_over_the_labels_of_all_of_it(
    bundle: Bundle, table: Table
) -> None:
    happy = Table(tuple(u for u in table.utterances if u.emotion == "happy"))
    part = evaluate(bundle, happy, labels=["neutral", "angry", "happy"]).predictions.probabilities
    whole = evaluate(bundle, table).predictions
    np.testing.assert_allclose(part, whole.probabilities[whole.target == LABELS.index("happy")])


def test_one_label_alone_is_scored_over_all_of_the_bundle(bundle: Bundle, table: Table) -> None:
    happy = Table(tuple(u for u in table.utterances if u.emotion == "happy"))
    found = evaluate(bundle, happy)
    predictor = Predictor(bundle)
    for row, path in enumerate(found.predictions.paths):
        emotion = analyze(str(path), bundle=predictor).emotion
        assert emotion is not None
        expected = [emotion.probabilities[label] for label in LABELS]
        assert found.predictions.probabilities[row] == pytest.approx(expected, abs=1e-5)
    assert found.scores.uar == (found.predictions.guess == LABELS.index("happy")).mean() < 1
    assert "emodb has happy alone: scored over all labels" in found.protocol
    assert "renormalised" not in found.protocol


def test_answers_are_those_of_analyze_renormalised(bundle: Bundle, table: Table) -> None:
    found = evaluate(bundle, table)
    shared = [LABELS.index(label) for label in ("neutral", "happy", "angry")]
    predictor = Predictor(bundle)
    n_windows = 0
    for row, path in enumerate(found.predictions.paths):
        timeline = analyze(str(path), bundle=predictor)
        assert timeline.emotion is not None
        all_labels = np.array([timeline.emotion.probabilities[label] for label in LABELS])
        expected = np.zeros(len(LABELS))
        expected[shared] = all_labels[shared] / all_labels[shared].sum()
        assert found.predictions.probabilities[row] == pytest.approx(expected, abs=1e-5)
        n_windows += len(timeline.windows)
    assert len(found.windows) == n_windows > len(found.predictions)
    certain = found.predictions.confidence >= bundle.info.calibration.certain_threshold
    assert np.array_equal(found.predictions.certain, certain)
    assert found.scores.labels == ("neutral", "happy", "angry")
    assert set(found.scores.by_sex) == {"male", "female"}
    assert set(found.scores.by_speaker) == {"emodb:03", "emodb:08"}


def test_synthetic_copies_are_not_tested_on(bundle: Bundle, table: Table) -> None:
    copy = replace(table.utterances[0], extra={"source": "synthetic"})
    found = evaluate(bundle, Table((*table.utterances, copy, copy)))
    assert len(found.predictions) == len(table)
    assert found.left_out == {"synthetic copies": 2}
    assert "made of others: synthetic copies 2" in found.protocol
    assert "no label" not in found.protocol
    with pytest.raises(CorpusError, match="synthetic copies"):
        evaluate(bundle, Table((copy,)))


def test_protocol_says_what_a_reader_must_know(bundle: Bundle, table: Table) -> None:
    protocol = evaluate(bundle, table, channel_sim="telephone").protocol
    for words in (
        "untrained 0.1",
        bundle.sha256[:12],
        "6 recordings by 2 speakers of emodb",
        "telephone line (8 kHz u-law, 300-3400 Hz, white noise at 20 dB SNR)",
        "Acted speech",
        "emodb lacks calm, sad, fearful, disgust, surprised",
        "renormalised over the 3 shared labels (neutral, happy, angry)",
        "WARNING: the bundle does not say whom it was trained on",
    ):
        assert words in protocol


def test_the_line_changes_answers_but_order_jobs_and_place_do_not(
    bundle: Bundle, table: Table, tmp_path: Path
) -> None:
    clean = evaluate(bundle, table).predictions
    line = evaluate(bundle, table, channel_sim="telephone").predictions
    assert np.abs(clean.probabilities - line.probabilities).max() > 1e-3

    moved = read_corpus("emodb", emodb_like(tmp_path / "elsewhere"))
    backwards = Table(moved.utterances[::-1])
    again = evaluate(bundle, backwards, channel_sim="telephone", jobs=2).predictions
    # Workers have one thread, whose sums end a last bit apart.
    np.testing.assert_allclose(again.probabilities[::-1], line.probabilities, atol=1e-6)

    other = evaluate(bundle, table, channel_sim="telephone", seed=1).predictions
    assert np.abs(other.probabilities - line.probabilities).max() > 1e-4


def test_no_speech_counts_as_wrong_and_is_said(table: Table, tmp_path: Path) -> None:
    found = evaluate(untrained_bundle(tmp_path, speech=NO_SPEECH), table)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["no_speech"] == plain["n"] == 6
    assert plain["uar"] == plain["certain_share"] == 0
    assert plain["certain_accuracy"] is plain["windows"] is None
    assert len(plain["no_speech_files"]) == 6
    assert "no speech was heard: counted as wrong" in found.protocol


def test_a_file_that_fails_is_listed_and_not_scored(bundle: Bundle, tmp_path: Path) -> None:
    folder = emodb_like(tmp_path)
    (folder / "08a02Fa.wav").write_bytes(b"RIFF....WAVE no longer")
    found = evaluate(bundle, read_corpus("emodb", folder))
    assert [failure.path.name for failure in found.failures] == ["08a02Fa.wav"]
    assert found.scores.n == 5
    assert "1 recording could not be decoded: not scored." in found.protocol
    assert found.to_dict()["failed"][0]["error"]["kind"] == found.failures[0].kind


def test_emotions_that_the_bundle_does_not_know_are_left_out(
    bundle: Bundle, tmp_path: Path
) -> None:
    table = read_corpus("emodb", emodb_like(tmp_path, ("neutral", "bored"), 1.0))
    found = evaluate(bundle, table)
    assert (found.scores.n, dict(found.left_out)) == (2, {"bored": 2})
    assert "Left out, as the bundle has no label for them: bored 2." in found.protocol


def test_a_bundle_of_a_part_of_its_scheme_leaves_out_the_rest(bundle: Bundle, table: Table) -> None:
    part = replace(bundle.info, labels=("happy", "angry"))
    labelled = under(part, table)
    assert (set(labelled.labels), labelled.left_out["neutral"]) == ({"happy", "angry"}, 2)


def test_a_scheme_of_ones_own_goes_by_its_labels(bundle: Bundle, table: Table) -> None:
    own = replace(bundle.info, scheme="mine", labels=("angry", "neutral"))
    assert set(under(own, table).labels) == {"angry", "neutral"}


def test_a_label_of_ones_own_is_found_however_it_is_spelt(bundle: Bundle, table: Table) -> None:
    own = replace(bundle.info, scheme="mine", labels=("Anger", "pleasant-surprise"))
    surprised = replace(table.utterances[0], emotion="surprised")
    spelt = replace(table.utterances[0], emotion="pleasant-surprise")
    labelled = under(own, Table((*table.utterances, surprised, spelt)))
    assert labelled.labels == ("Anger", "Anger", "pleasant-surprise", "pleasant-surprise")
    assert labelled.left_out == {"neutral": 2, "happy": 2}


def test_a_word_that_two_labels_spell_is_not_guessed(bundle: Bundle, table: Table) -> None:
    both = replace(bundle.info, scheme="mine", labels=("anger", "Angry", "happy"))
    labelled = under(both, table)
    assert (set(labelled.labels), labelled.left_out["angry"]) == ({"happy"}, 2)
    one = replace(bundle.info, scheme="mine", labels=("anger", "angry", "happy"))
    assert set(under(one, table).labels) == {"angry", "happy"}


def test_nothing_to_score_is_an_error(bundle: Bundle, tmp_path: Path) -> None:
    table = read_corpus("emodb", emodb_like(tmp_path, ("bored",), 0.5))
    with pytest.raises(CorpusError, match="bored"):
        evaluate(bundle, table)


def test_nothing_that_decodes_is_an_error(bundle: Bundle, tmp_path: Path) -> None:
    folder = emodb_like(tmp_path, ("happy",), 0.5)
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(CorpusError, match="2 failures"):
        evaluate(bundle, read_corpus("emodb", folder))


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            {"speakers": ["emodb:03", "tess:OAF"]},
            "WARNING: these speakers were trained on: emodb:03 (1 of 2)",
        ),
        (
            {"speakers": {"emodb": ["emodb:08"]}},
            "WARNING: these speakers were trained on: emodb:08",
        ),
        (
            {"speakers": ["tess:OAF"], "validation_speakers": ["emodb:08"]},
            "WARNING: these speakers were trained on: emodb:08",
        ),
        ({"speakers": ["tess:OAF"]}, "Speaker-independent: none of them is among the 1"),
        ({"corpora": ["emodb", "tess"]}, "WARNING: the bundle was trained on emodb and does not"),
        ({"corpora": ["tess"]}, "Corpus-independent"),
        ({}, "WARNING: the bundle does not say"),
    ],
)
def test_known_voices_are_told_loudly(training: dict[str, object], expected: str) -> None:
    assert known_voices(training, ["emodb:03", "emodb:08"], ["emodb"]).startswith(expected)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            {"speakers": ["mine:07", "tess:OAF"]},
            "WARNING: these speakers may have been trained on: recorded:07 as mine:07 (1 of 2)",
        ),
        ({"speakers": ["mine:09"]}, "Whether these speakers are new is not known"),
        # The numbers of others' corpora are other people's.
        ({"speakers": ["ravdess:07"]}, "Whether these speakers are new is not known"),
        ({"corpora": ["mine"]}, "Whether these speakers are new is not known"),
        ({"speakers": ["recorded:09"]}, "Speaker-independent"),
        ({"speakers": ["tess:OAF"], "corpora": ["recorded"]}, "Speaker-independent"),
        ({"speakers": ["mine:07", "recorded:07"]}, "WARNING: these speakers were trained on"),
    ],
)
def test_names_of_ones_own_that_the_bundle_does_not_know_prove_nothing(
    training: dict[str, object], expected: str
) -> None:
    found = known_voices(training, ["recorded:07", "recorded:08"], ["recorded"])
    assert found.startswith(expected)
    assert "independent" not in found or expected == "Speaker-independent"
