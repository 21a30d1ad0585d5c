import pytest

from tonewatch.core.labels import COLOURS
from tonewatch.service.dashboard.emotions import ink_on, labels_of, palette
from tonewatch.service.dashboard.texts import texts


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", COLOURS.values())
def test_a_letter_can_be_read_on_every_colour(colour: str) -> None:
    light, dark = sorted((_luminance(colour), _luminance(ink_on(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_palette_names_each_label_in_its_order() -> None:
    made = palette(["sad", "my_own"], texts("de"))
    assert [each["word"] for each in made] == ["traurig", "my own"]
    assert [each["letter"] for each in made] == ["S", "M"]


def test_a_result_of_another_model_has_that_ones_labels() -> None:
    assert labels_of({"b": 0.1, "a": 0.9}, ["a", "b"]) == ["a", "b"]
    assert labels_of({"c": 1.0}, ["a", "b"]) == ["c"]
    assert labels_of(None, ["a", "b"]) == ["a", "b"]
