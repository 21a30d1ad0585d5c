from tonewatch.service.dashboard.emotions import labels_of, palette
from tonewatch.service.dashboard.texts import texts


def test_a_palette_names_each_label_in_its_order() -> None:
    made = palette(["sad", "my_own"], texts("de"))
    assert [each["word"] for each in made] == ["traurig", "my own"]
    assert [each["letter"] for each in made] == ["S", "M"]


def test_a_result_of_another_model_has_that_ones_labels() -> None:
    assert labels_of({"b": 0.1, "a": 0.9}, ["a", "b"]) == ["a", "b"]
    assert labels_of({"c": 1.0}, ["a", "b"]) == ["c"]
    assert labels_of(None, ["a", "b"]) == ["a", "b"]
