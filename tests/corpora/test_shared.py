"""The readers on the real corpora, where these are at hand."""

import csv
from pathlib import Path

import pytest

from tonewatch.core.labels import scheme
from tonewatch.corpora import Table, read_corpus
from tonewatch.corpora.folds import Plan

SIZES = [
    ("ravdess", "ravdess", 1200, 20, 8),
    ("ravdess", "ravdess_song", 834, 19, 6),
    ("tess", "tess", 2800, 2, 7),
    ("emodb", "emodb", 408, 8, 7),
    ("nemo", "nemo", 4481, 9, 6),
    ("ased", "ased", 2474, 65, 5),
    ("librispeech", "librispeech", 351, 261, 1),
    ("noise", "noise", 103, 103, 1),
]


@pytest.mark.parametrize(("corpus", "folder", "files", "speakers", "emotions"), SIZES)
def test_every_file_is_understood(
    shared_data: Path, corpus: str, folder: str, files: int, speakers: int, emotions: int
) -> None:
    table = read_corpus(corpus, shared_data / folder)
    assert (len(table), table.problems) == (files, ())
    assert len(table.by_speaker()) == speakers
    assert len(table.by_emotion()) == emotions


def test_counts_that_the_corpora_are_known_for(shared_data: Path) -> None:
    ravdess = read_corpus("ravdess", shared_data / "ravdess")
    assert ravdess.by_emotion()["neutral"] == 80
    assert set(ravdess.by_emotion().values()) == {80, 160}
    assert ravdess.by_sex() == {"male": 600, "female": 600}
    tess = read_corpus("tess", shared_data / "tess")
    assert set(tess.by_emotion().values()) == {400}
    assert set(tess.by_speaker().values()) == {1400}
    nemo = read_corpus("nemo", shared_data / "nemo")
    assert all("text" in utterance.extra for utterance in nemo.utterances)
    sexes = {u.speaker: u.sex for u in read_corpus("ased", shared_data / "ased").utterances}
    assert list(sexes.values()).count("female") == 25


def test_nemo_says_the_same_as_its_list(shared_data: Path) -> None:
    sexes = {u.speaker: u.sex for u in read_corpus("nemo", shared_data / "nemo").utterances}
    with (shared_data / "nemo" / "data.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            assert sexes[f"nemo:{row['speaker_id'].strip()}"] == row["gender"].strip()


def test_only_boredom_is_outside_ravdess8(shared_data: Path) -> None:
    table = sum(
        (read_corpus(corpus, shared_data / folder) for corpus, folder, *_ in SIZES[:6]), Table(())
    )
    _, labels, left_out = table.labelled(scheme("ravdess8"))
    assert left_out == {"bored": 58}
    assert len(labels) == 12197 - 58


def test_song_and_speech_share_their_actors(shared_data: Path) -> None:
    table = read_corpus("ravdess", shared_data / "ravdess")
    table += read_corpus("ravdess", shared_data / "ravdess_song")
    for fold in Plan("speaker", 5).folds(table.utterances):
        sides = [
            {table.utterances[i].speaker for i in side}
            for side in (fold.train, fold.validation, fold.test)
        ]
        assert [len(side) for side in sides] == [14, 2, 4]
        assert len(set().union(*sides)) == 20


def test_formats_hold_a_video_of_a_take_that_is_there_as_sound(shared_data: Path) -> None:
    table = read_corpus("ravdess", shared_data / "formats")
    assert len(table) == 6
    assert sum("copy of" in problem.reason for problem in table.problems) == 1
