from pathlib import Path

from tonewatch.core.labels import Sex, scheme
from tonewatch.corpora import Problem, Table, Utterance


def utterance(emotion: str | None, sex: Sex | None = None, speaker: str = "1") -> Utterance:
    return Utterance(Path(f"{emotion}.wav"), emotion, f"mine:{speaker}", sex, "en", "mine")


def test_labels_outside_the_scheme_are_counted_and_left_out() -> None:
    table = Table(tuple(map(utterance, ["sad", "bored", None, "calm", "bored"])))
    utterances, labels, left_out = table.labelled(scheme("ravdess8"))
    assert labels == ("sad", "calm")
    assert [u.emotion for u in utterances] == ["sad", "calm"]
    assert left_out == {"bored": 2, "unlabelled": 1}


def test_a_missing_sex_is_told_from_a_missing_emotion() -> None:
    table = Table((utterance("sad"), utterance("sad", "male"), utterance("angry")))
    _, labels, left_out = table.labelled(scheme("sex12"))
    assert labels == ("male_sad",)
    assert left_out == {"sad (sex unknown)": 1, "angry": 1}


def test_counts_and_sums() -> None:
    problem = Problem(Path("x.wav"), "why")
    table = Table((utterance("sad", "male"),), (problem,)) + Table((utterance(None, None, "2"),))
    assert len(table) == 2
    assert table.problems == (problem,)
    assert table.by_emotion() == {"sad": 1, "unlabelled": 1}
    assert table.by_sex() == {"male": 1, "unknown": 1}
    assert table.by_speaker() == {"mine:1": 1, "mine:2": 1}


def test_renaming_renames_the_speakers() -> None:
    (renamed,) = Table((utterance("sad"),)).renamed("theirs").utterances
    assert (renamed.corpus, renamed.speaker) == ("theirs", "theirs:1")


def test_utterances_can_be_keys() -> None:
    assert len({utterance("sad"), utterance("sad"), utterance("calm")}) == 2
