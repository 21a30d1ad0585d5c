from dataclasses import replace

from tonewatch.training.differences import told_apart
from tonewatch.training.loop import TrainSettings


def test_only_what_differs_is_told() -> None:
    before = TrainSettings(corpus_weights={"ravdess": 8.0})
    for change, told in (
        ({"epochs": 4}, "epochs=4 where it was epochs=60"),
        (
            {"epochs": 4, "seed": 2},
            "epochs=4 where it was epochs=60, seed=2 where it was seed=1",
        ),
        (
            {"corpus_weights": {"ravdess": 2.0}},
            "corpus_weights={'ravdess': 2.0} where it was corpus_weights={'ravdess': 8.0}",
        ),
        ({}, ""),
    ):
        assert told_apart(str(before), str(replace(before, **change))) == told


def test_what_one_side_lacks_is_nothing() -> None:
    assert told_apart("A(x=1)", "A(x=1, y=2)") == "y=2 where it was nothing"
    assert told_apart("A(x=1, y=2)", "A(x=1)") == "nothing where it was y=2"
