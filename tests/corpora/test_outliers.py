from dataclasses import replace

from tonewatch.corpora.outliers import Clip, Heard, outliers
from tonewatch.corpora.quality import Measured

USUAL = Measured(3.0, 2.0, -20.0, -6.0, 30.0, 0.0)


def clips(n: int = 20) -> list[Clip]:
    """Much alike."""
    return [
        Clip(
            f"{i}.wav",
            "angry",
            replace(
                USUAL,
                duration_s=3 + 0.1 * (i % 5),
                level_dbfs=-20.0 + i % 3,
                snr_db=30.0 + i % 4,
            ),
        )
        for i in range(n)
    ]


def test_what_is_alike_is_no_outlier() -> None:
    assert outliers(clips()) == []
    assert outliers([]) == []
    assert outliers([replace(clip, measured=USUAL) for clip in clips()]) == []


def test_what_is_far_from_the_median_is_told() -> None:
    odd = Clip("odd.wav", "angry", replace(USUAL, duration_s=9.0, level_dbfs=-34.0))
    found = outliers([*clips(), odd])
    assert [(each.path, each.word) for each in found] == [
        ("odd.wav", "duration"),
        ("odd.wav", "level"),
    ]
    assert "9.0 s, usual are 3.2 s" in found[0].found


def test_one_that_differs_from_many_of_the_same_is_told() -> None:
    same = [replace(clip, measured=USUAL) for clip in clips()]
    odd = Clip("odd.wav", "angry", replace(USUAL, duration_s=4.0))
    assert [(each.path, each.word) for each in outliers([*same, odd])] == [("odd.wav", "duration")]


def test_few_recordings_have_no_usual_value() -> None:
    odd = Clip("odd.wav", "angry", replace(USUAL, duration_s=9.0))
    assert outliers([*clips(5), odd]) == []


def test_bad_takes_and_other_labels_are_told() -> None:
    bad = Clip("bad.wav", "angry", replace(USUAL, clipping=0.01))
    heard = Clip("sad.wav", "angry", USUAL, Heard("sad", 0.93, right=False))
    right = Clip("right.wav", "angry", USUAL, Heard("male_angry", 0.93, right=True))
    found = outliers([bad, heard, right])
    assert [(each.path, each.word) for each in found] == [
        ("bad.wav", "clipped"),
        ("sad.wav", "disagrees"),
    ]
    assert found[1].found == "labelled angry, heard as sad (93%)"
