from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import Sex
from tonewatch.corpora import Utterance
from tonewatch.corpora.folds import Fold, Plan, parse_folds

SEXES: tuple[Sex | None, ...] = ("male", "female", None)


def utterance(corpus: str, speaker: str, emotion: str | None, sex: Sex | None) -> Utterance:
    return Utterance(Path("a.wav"), emotion, f"{corpus}:{speaker}", sex, "en", corpus)


def corpus_of(
    name: str, speakers: int, emotions: tuple[str, ...] = ("sad", "happy")
) -> list[Utterance]:
    return [
        utterance(name, f"{speaker:02}", emotion, "male" if speaker % 2 else "female")
        for speaker in range(1, speakers + 1)
        for emotion in emotions
    ]


@st.composite
def corpora(draw: st.DrawFn) -> list[Utterance]:
    """A shuffled heap of one to four corpora with two to fifteen speakers each."""
    heap = []
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True)):
        for speaker in range(draw(st.integers(2, 15))):
            sex = draw(st.sampled_from(SEXES))
            emotions = draw(st.lists(st.sampled_from(["sad", "happy", None]), min_size=1))
            heap += [utterance(name, f"{speaker:02}", emotion, sex) for emotion in emotions]
    return draw(st.permutations(heap))


def speakers(heap: list[Utterance], side: tuple[int, ...], corpus: str = "") -> set[str]:
    return {heap[i].speaker for i in side if not corpus or heap[i].corpus == corpus}


def check(heap: list[Utterance], folds: tuple[Fold, ...]) -> None:
    """What holds for every plan."""
    for fold in folds:
        assert sorted(fold.train + fold.validation + fold.test) == list(range(len(heap)))
        for side in (fold.train, fold.validation, fold.test):
            assert list(side) == sorted(side)
        if not fold.leaky:
            sides = [speakers(heap, side) for side in (fold.train, fold.validation, fold.test)]
            assert sum(map(len, sides)) == len(set().union(*sides))
    tested = Counter(index for fold in folds for index in fold.test)
    assert tested == Counter(range(len(heap)))
    assert len({fold.name for fold in folds}) == len(folds)


@given(corpora(), st.integers(2, 7))
def test_by_speaker(heap: list[Utterance], count: int) -> None:
    counts = Counter(u.corpus for u in {u.speaker: u for u in heap}.values())
    if count > max(counts.values()):
        with pytest.raises(CorpusError, match="expected 2 to"):
            Plan("speaker", count).folds(heap)
        return
    folds = Plan("speaker", count).folds(heap)
    assert len(folds) == count
    check(heap, folds)
    for corpus, n in counts.items():
        sizes = [len(speakers(heap, fold.test, corpus)) for fold in folds]
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes) - min(sizes) <= 1
        for fold in folds:
            held_back = speakers(heap, fold.validation, corpus)
            trained = speakers(heap, fold.train, corpus)
            if n < 4:
                assert not held_back
            elif len(held_back | trained) >= 2:
                assert trained
                assert 1 <= len(held_back) <= max(2, round(len(held_back | trained) / 8))
            if n >= 4 and len(held_back | trained) >= 6:
                sexes = {u.speaker: u.sex for u in heap}
                known = {sexes[s] for s in held_back | trained} - {None}
                assert known <= {sexes[s] for s in held_back}


@given(corpora())
def test_by_corpus(heap: list[Utterance]) -> None:
    names = {u.corpus for u in heap}
    if len(names) < 2:
        with pytest.raises(CorpusError, match="two or more corpora"):
            Plan("corpus", 0).folds(heap)
        return
    folds = Plan("corpus", 0).folds(heap)
    check(heap, folds)
    assert len(folds) == len(names)
    for fold in folds:
        assert len({heap[i].corpus for i in fold.test}) == 1


@given(corpora(), st.integers(2, 7), st.integers(0, 9))
def test_random(heap: list[Utterance], count: int, seed: int) -> None:
    if count > len(heap):
        with pytest.raises(CorpusError):
            Plan("random", count).folds(heap, seed=seed)
        return
    folds = Plan("random", count).folds(heap, seed=seed)
    assert folds == Plan("random", count).folds(heap, seed=seed)
    check(heap, folds)
    for stratum, n in Counter((u.corpus, u.emotion) for u in heap).items():
        for fold in folds:
            tested = sum((heap[i].corpus, heap[i].emotion) == stratum for i in fold.test)
            assert abs(tested - n / count) < 1
    assert all(fold.leaky and "LEAKY" in fold.protocol for fold in folds)


def test_random_holds_back_an_eighth_and_obeys_its_seed() -> None:
    heap = corpus_of("a", 40)
    one, other = (Plan("random", 5).folds(heap, seed=seed) for seed in (0, 1))
    assert [len(fold.validation) for fold in one] == [8] * 5
    assert one != other


def test_ravdess_into_five_is_four_actors_each() -> None:
    heap = corpus_of("ravdess", 20)
    folds = Plan("speaker", 5).folds(heap)
    for number, fold in enumerate(folds):
        expected = {f"ravdess:{actor:02}" for actor in range(4 * number + 1, 4 * number + 5)}
        assert speakers(heap, fold.test) == expected
    held_back = [sorted(speakers(heap, fold.validation)) for fold in folds]
    assert held_back[0] == ["ravdess:05", "ravdess:06"]
    assert held_back[1] == ["ravdess:09", "ravdess:10"]
    assert held_back[4] == ["ravdess:01", "ravdess:02"]
    assert "ravdess 01, 02, 03, 04" in folds[0].protocol
    assert "early stopping on ravdess 05, 06" in folds[0].protocol


def test_two_speakers_are_tested_first_and_trained_on_afterwards() -> None:
    heap = corpus_of("ravdess", 20) + corpus_of("tess", 2)
    folds = Plan("speaker", 5).folds(heap)
    tested = [sorted(speakers(heap, fold.test, "tess")) for fold in folds]
    assert tested == [["tess:01"], ["tess:02"], [], [], []]
    for fold in folds[2:]:
        assert speakers(heap, fold.train, "tess") == {"tess:01", "tess:02"}
    assert all(not speakers(heap, fold.validation, "tess") for fold in folds)


def test_adding_a_corpus_leaves_the_others_divided_as_they_were() -> None:
    alone, more = corpus_of("ravdess", 20), corpus_of("ased", 65)
    for one, both in zip(
        Plan("speaker", 5).folds(alone), Plan("speaker", 5).folds(alone + more), strict=True
    ):
        assert one.test == tuple(i for i in both.test if i < len(alone))
        assert one.validation == tuple(i for i in both.validation if i < len(alone))


def test_speech_and_song_of_an_actor_stay_together() -> None:
    speech, song = corpus_of("ravdess", 20), corpus_of("ravdess", 17, ("calm",))
    heap = speech + song
    check(heap, Plan("speaker", 5).folds(heap))


def test_one_speaker_in_two_corpora_is_refused() -> None:
    heap = [*corpus_of("a", 6), Utterance(Path("x"), "sad", "a:01", None, "", "b")]
    with pytest.raises(CorpusError, match="a:01"):
        Plan("corpus", 0).folds(heap)


def test_plans_in_words() -> None:
    assert parse_folds("speaker:5") == Plan("speaker", 5)
    assert parse_folds(" corpus ") == Plan("corpus", 0)
    assert parse_folds("random:10") == Plan("random", 10)


@pytest.mark.parametrize(
    "text", ["", "speaker", "speaker:", "speaker:1", "speaker:-5", "corpus:2", "random:x", "x:5"]
)
def test_wrong_plans(text: str) -> None:
    with pytest.raises(CorpusError, match="speaker:5, corpus or random:5"):
        parse_folds(text)


@pytest.mark.parametrize("plan", ["speaker:4", "corpus", "random:4"])
def test_without_validation_they_are_trained_on_instead(plan: str) -> None:
    heap = corpus_of("a", 8) + corpus_of("b", 6)
    spared = parse_folds(plan).folds(heap)
    taught = parse_folds(plan).folds(heap, validation=False)
    for before, after in zip(spared, taught, strict=True):
        assert before.validation
        assert after.validation == ()
        assert after.test == before.test
        assert after.train == tuple(sorted((*before.train, *before.validation)))
        assert "early stopping" not in after.protocol
