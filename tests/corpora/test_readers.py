"""Every reader on tiny trees: empty files suffice, since nothing is opened."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import EMOTIONS
from tonewatch.corpora import READERS, Utterance, corpus_argument, read_corpus

Grow = Callable[..., Path]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Make a folder with empty files of these names."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "corpus"

    return make


def one(corpus: str, root: Path) -> Utterance:
    (utterance,) = read_corpus(corpus, root).utterances
    return utterance


KNOWN = [
    ("ravdess", "Actor_02/03-01-01-01-01-01-02.wav", "neutral", "02", "female", "en"),
    ("ravdess", "03-01-02-02-01-01-01.FLAC", "calm", "01", "male", "en"),
    ("ravdess", "a/b/03-02-03-01-01-02-24.ogg", "happy", "24", "female", "en"),
    ("ravdess", "01-01-04-01-02-01-11.mp4", "sad", "11", "male", "en"),
    ("ravdess", "03-01-05-01-01-01-02.mp3", "angry", "02", "female", "en"),
    ("ravdess", "03-01-06-01-01-01-02.m4a", "fearful", "02", "female", "en"),
    ("ravdess", "03-01-07-01-01-01-02.webm", "disgust", "02", "female", "en"),
    ("ravdess", "03-01-08-01-01-01-02.amr", "surprised", "02", "female", "en"),
    ("tess", "OAF_angry/OAF_back_angry.wav", "angry", "OAF", "female", "en"),
    ("tess", "OAF_neutral/OA_bite_neutral.wav", "neutral", "OAF", "female", "en"),
    ("tess", "YAF_pleasant_surprised/YAF_back_ps.opus", "surprised", "YAF", "female", "en"),
    ("tess", "yaf_back_pleasant_surprise.wav", "surprised", "YAF", "female", "en"),
    ("tess", "YAF_back_FEAR.WAV", "fearful", "YAF", "female", "en"),
    ("tess", "YAF_back_disgust.wav", "disgust", "YAF", "female", "en"),
    ("tess", "YAF_back_happy.wav", "happy", "YAF", "female", "en"),
    ("tess", "YAF_back_sad.wav", "sad", "YAF", "female", "en"),
    ("emodb", "wav/03a01Wa.wav", "angry", "03", "male", "de"),
    ("emodb", "wav/08b02Lb.wav", "bored", "08", "female", "de"),
    ("emodb", "09a05Ec.wav", "disgust", "09", "female", "de"),
    ("emodb", "10a05Aa.wav", "fearful", "10", "male", "de"),
    ("emodb", "13a05Fa.wav", "happy", "13", "female", "de"),
    ("emodb", "15a05Ta.wav", "sad", "15", "male", "de"),
    ("emodb", "16a05N.flac", "neutral", "16", "female", "de"),
    ("emodb", "77a05Na.flac", "neutral", "77", None, "de"),
    ("nemo", "samples/WR0_surprised_64.ogg", "surprised", "WR0", "male", "pl"),
    ("nemo", "EB0_anger_1.wav", "angry", "EB0", "female", "pl"),
    ("nemo", "EB0_fear_1.wav", "fearful", "EB0", "female", "pl"),
    ("nemo", "EB0_happiness_1.wav", "happy", "EB0", "female", "pl"),
    ("nemo", "EB0_neutral_1.wav", "neutral", "EB0", "female", "pl"),
    ("nemo", "EB0_sadness_1.wav", "sad", "EB0", "female", "pl"),
    ("nemo", "ZZ0_sadness_1.wav", "sad", "ZZ0", None, "pl"),
    ("ased", "01Neutral/n1-01-01-01-15.wav", "neutral", "15", "female", "am"),
    ("ased", "02Fearful/f2-01-01-02-16.wav", "fearful", "16", "male", "am"),
    ("ased", "h3-01-01-02-16.wav", "happy", "16", "male", "am"),
    ("ased", "04Sad/S4-04-02-01-29.ogg", "sad", "29", "female", "am"),
    ("ased", "a5-01-01-02-16.wav", "angry", "16", "male", "am"),
    ("cremad", "AudioWAV/1001_DFA_ANG_XX.wav", "angry", "1001", None, "en"),
    ("cremad", "1001_IEO_DIS_LO.wav", "disgust", "1001", None, "en"),
    ("cremad", "1001_IEO_FEA_MD.wav", "fearful", "1001", None, "en"),
    ("cremad", "1001_IEO_HAP_HI.mp3", "happy", "1001", None, "en"),
    ("cremad", "1001_IWW_NEU_XX.wav", "neutral", "1001", None, "en"),
    ("cremad", "1040_ITH_SAD_X.wav", "sad", "1040", None, "en"),
    ("savee", "DC_a01.wav", "angry", "DC", "male", "en"),
    ("savee", "AudioData/JE/d01.wav", "disgust", "JE", "male", "en"),
    ("savee", "JK/f01.wav", "fearful", "JK", "male", "en"),
    ("savee", "kl_h15.wav", "happy", "KL", "male", "en"),
    ("savee", "KL_n30.wav", "neutral", "KL", "male", "en"),
    ("savee", "KL_sa15.wav", "sad", "KL", "male", "en"),
    ("savee", "KL/su15.wav", "surprised", "KL", "male", "en"),
    ("emovo", "f1/dis-f1-b1.wav", "disgust", "f1", "female", "it"),
    ("emovo", "m3/gio-m3-n5.wav", "happy", "m3", "male", "it"),
    ("emovo", "neu-f2-l1.wav", "neutral", "f2", "female", "it"),
    ("emovo", "pau-f2-d1.wav", "fearful", "f2", "female", "it"),
    ("emovo", "RAB-F2-d1.wav", "angry", "f2", "female", "it"),
    ("emovo", "sor-f2-d1.wav", "surprised", "f2", "female", "it"),
    ("emovo", "tri-f2-d1.wav", "sad", "f2", "female", "it"),
    ("urdu", "Angry/SM1_F10_A010.wav", "angry", "M1", "male", "ur"),
    ("urdu", "Happy/SF12_F1_H01.wav", "happy", "F12", "female", "ur"),
    ("urdu", "Neutral/SM4_F4_N099.wav", "neutral", "M4", "male", "ur"),
    ("urdu", "SM4_F4_S0100.wav", "sad", "M4", "male", "ur"),
    ("librispeech", "test-other/1688/1688-142285-0000.ogg", None, "1688", None, "en"),
    ("noise", "nonspeech/n1.ogg", None, "nonspeech/n1", None, ""),
    ("folders", "Anger/anna/1.wav", "angry", "anna", None, ""),
    ("folders", "urgent/1.wav", "urgent", "unknown", None, ""),
    ("recorded", "01_02_01_01_07.wav", "angry", "07", "female", ""),
    ("recorded", "a/02_04_02_01_118-3.flac", "drunk", "118", "male", ""),
    ("recorded", "03_01_00_01_07.wav", "painful", "07", None, ""),
    ("recorded", "04_01_01_02_07-2.wav", "stressful", "07", "female", ""),
]


@pytest.mark.parametrize(("corpus", "name", "emotion", "speaker", "sex", "language"), KNOWN)
def test_a_name_tells(
    grow: Grow,
    corpus: str,
    name: str,
    emotion: str | None,
    speaker: str,
    sex: str | None,
    language: str,
) -> None:
    found = one(corpus, grow(name))
    assert (found.emotion, found.speaker) == (emotion, f"{corpus}:{speaker}")
    assert (found.sex, found.language, found.corpus) == (sex, language, corpus)
    assert found.path.is_file()


def test_the_known_names_cover_every_named_corpus() -> None:
    assert {corpus for corpus, *_ in KNOWN} == set(READERS) - {"manifest"}
    named = {emotion for _, _, emotion, *_ in KNOWN} - {None, "urgent"}
    assert named == set(EMOTIONS)


NAMED = sorted(set(READERS) - {"manifest", "folders", "noise"})
GOOD = {corpus: name for corpus, name, *_ in KNOWN}


@pytest.mark.parametrize("corpus", NAMED)
def test_an_unknown_name_is_reported_and_not_guessed(grow: Grow, corpus: str) -> None:
    root = grow(GOOD[corpus], "happy.wav", "03-01-09-01-01-01-02.wav", "XAF_back_joy.wav")
    grow("Actor_02/notes.txt", "._happy.wav", "__MACOSX/happy.wav", ".cache/happy.wav")
    table = read_corpus(corpus, root)
    assert len(table) == 1
    left_aside = {problem.path.name for problem in table.problems}
    assert left_aside == {"happy.wav", "03-01-09-01-01-01-02.wav", "XAF_back_joy.wav"}
    assert all("name is not like" in problem.reason for problem in table.problems)


@pytest.mark.parametrize("corpus", sorted(READERS))
def test_nothing_found_says_what_was_expected(grow: Grow, corpus: str) -> None:
    root = grow("readme.txt")
    with pytest.raises(CorpusError, match="expected"):
        read_corpus(corpus, root)
    with pytest.raises(CorpusError, match="expected"):
        read_corpus(corpus, root / "absent")
    with pytest.raises(CorpusError, match="expected"):
        read_corpus(corpus, root / "readme.txt")


def test_ravdess_tells_the_rest_and_leaves_silent_videos_aside(grow: Grow) -> None:
    root = grow("01-02-06-02-01-02-11.mp4", "02-02-06-02-01-02-11.mp4")
    table = read_corpus("ravdess", root)
    assert table.utterances[0].extra == {
        "modality": "audio-video",
        "channel": "song",
        "intensity": "strong",
        "statement": "01",
        "repetition": "02",
    }
    (problem,) = table.problems
    assert "without sound" in problem.reason


def test_copies_are_left_aside_sound_before_video(grow: Grow) -> None:
    root = grow(
        "a/01-01-06-02-01-02-11.mp4", "b/03-01-06-02-01-02-11.wav", "c/03-01-06-02-01-02-11.wav"
    )
    table = read_corpus("ravdess", root)
    assert [u.path.parent.name for u in table.utterances] == ["b"]
    assert [p.path.parent.name for p in table.problems] == ["c", "a"]
    assert all("copy of" in p.reason and "b/03-" in p.reason for p in table.problems)


def test_savee_takes_of_two_speakers_are_no_copies(grow: Grow) -> None:
    table = read_corpus("savee", grow("DC/a01.wav", "JE/a01.wav", "all/DC_a01.wav", "x/a01.wav"))
    assert sorted(table.by_speaker()) == ["savee:DC", "savee:JE"]
    assert [p.path.name for p in table.problems] == ["DC_a01.wav", "a01.wav"]


def test_cremad_takes_the_sex_from_its_list(grow: Grow) -> None:
    root = grow("AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_ANG_XX.wav")
    (root / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1003,21,Female,,\n",
        encoding="utf-8",
    )
    for folder in (root, root / "AudioWAV"):
        first, second = read_corpus("cremad", folder).utterances
        assert (first.sex, first.extra["age"], second.sex) == ("male", "51", None)


def test_nemo_reads_its_list_where_there_is_one(grow: Grow) -> None:
    root = grow("samples/WR0_surprised_64.ogg")
    (root / "data.tsv").write_text(
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        'WR0_surprised_64.wav\tsurprised\tUcho "wykrywa.\tucho  \tWR0\tmale\t23\n',
        encoding="utf-8",
    )
    for folder in (root, root / "samples"):
        found = one("nemo", folder)
        assert found.extra == {"sentence": "64", "text": 'Ucho "wykrywa.', "age": "23"}


@pytest.mark.parametrize(
    ("corpus", "name", "listed"),
    [
        ("nemo", "WR0_surprised_64.ogg", "data.tsv"),
        ("cremad", "1001_DFA_ANG_XX.wav", "VideoDemographics.csv"),
    ],
)
def test_a_list_that_is_not_utf8_is_told(grow: Grow, corpus: str, name: str, listed: str) -> None:
    root = grow(name)
    (root / listed).write_bytes("äöü\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=f"{listed}.*expected a UTF-8 file"):
        read_corpus(corpus, root)


def test_ased_slips_in_the_sex_digit_are_outvoted(grow: Grow) -> None:
    root = grow("n1-01-01-01-15.wav", "n1-01-02-01-15.wav", "n1-02-02-02-15.wav")
    assert read_corpus("ased", root).by_sex() == {"female": 3}


def test_urdu_contradictions_are_reported(grow: Grow) -> None:
    table = read_corpus("urdu", grow("Angry/SM1_F1_A01.wav", "Sad/SM1_F2_A02.wav"))
    assert len(table) == 1
    assert "name says angry, its folder sad" in table.problems[0].reason


def test_the_order_is_that_of_the_paths(grow: Grow) -> None:
    root = grow(*(f"{x}/0{x}-01-0{x}-01-01-01-0{x}.wav" for x in (3, 1)))
    paths = [u.path for u in read_corpus("ravdess", root).utterances]
    assert paths == sorted(paths)


def test_links_are_followed_once(grow: Grow, tmp_path: Path) -> None:
    root = grow("Actor_01/03-01-01-01-01-01-01.wav")
    (root / "round").symlink_to(root)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "Actor_01").symlink_to(root / "Actor_01")
    for folder in (root, tmp_path / "linked"):
        table = read_corpus("ravdess", folder)
        assert (len(table), table.problems) == (1, ())


def test_an_unknown_corpus_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"ravdess, tess, emodb.*'iemocap'"):
        read_corpus("iemocap", tmp_path)


def test_ones_own_corpus_may_be_named_but_no_other(grow: Grow) -> None:
    root = grow("happy/anna/1.wav")
    found = one("calls:folders", root)
    assert (found.corpus, found.speaker) == ("calls", "calls:anna")
    with pytest.raises(CorpusError, match="write ravdess=PATH"):
        read_corpus("song:ravdess", root)


@pytest.mark.parametrize("called", ["ravdess", "noise", "mine:too", "emodb:too", ":mine"])
def test_ones_own_corpus_takes_no_name_by_which_speakers_are_mistaken(
    grow: Grow, called: str
) -> None:
    root = grow("happy/03/1.wav")
    for refuse in (
        lambda: read_corpus(f"{called}:folders", root),
        lambda: corpus_argument(f"{called}:folders={root}"),
    ):
        with pytest.raises(CorpusError, match="a name of one's own for"):
            refuse()
    assert one("recorded:folders", root).speaker == "recorded:03"


def test_corpus_arguments() -> None:
    assert corpus_argument("ravdess=a=b/c") == ("ravdess", "ravdess", Path("a=b/c"))
    assert corpus_argument(" mine:folders = calls ") == ("mine", "mine:folders", Path("calls"))
    for wrong in ("ravdess", "ravdess=", "=path", "mine:=path", ""):
        with pytest.raises(CorpusError, match="expected NAME=PATH"):
            corpus_argument(wrong)
