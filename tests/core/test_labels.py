import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tonewatch.core.errors import SchemeError
from tonewatch.core.labels import (
    COLOURS,
    EMOTIONS,
    LETTERS,
    SCHEMES,
    Scheme,
    canonical,
    colour_of,
    ink_on,
    letter_of,
    scheme,
)

RAVDESS8 = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "red-blind": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green-blind": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "blue-blind": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour: str, sight: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE Lab (D65) of an sRGB colour as seen with `sight`."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    )
    xyz = to_xyz @ np.clip(sight @ linear, 0, 1) / (0.9505, 1, 1.0890)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_schemes_have_the_labels_that_the_issue_names() -> None:
    assert SCHEMES["ravdess8"].labels == RAVDESS8
    assert SCHEMES["ekman7"].labels == tuple(word for word in RAVDESS8 if word != "calm")
    assert SCHEMES["helpline4"].labels == ("angry", "drunk", "painful", "stressful")
    assert SCHEMES["emotion9"].labels == (*RAVDESS8, "bored")
    assert set(SCHEMES["emodb7"].labels) == {
        "angry", "bored", "disgust", "fearful", "happy", "sad", "neutral",
    }  # fmt: skip
    assert SCHEMES["sex12"].labels == tuple(
        f"{sex}_{word}"
        for sex in ("male", "female")
        for word in ("calm", "happy", "sad", "dislike", "fearful", "surprised")
    )
    assert all(name == found.name for name, found in SCHEMES.items())


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "sex12"])
def test_plain_schemes_keep_their_words_and_leave_out_all_others(name: str) -> None:
    found = scheme(name)
    for word, sex in itertools.product(EMOTIONS, (None, "male", "female")):
        assert found.label_for(word, sex) == (word if word in found.labels else None)
    assert not found.needs_sex


def test_sex12_needs_the_sex_and_calls_disgust_dislike() -> None:
    sex12 = scheme("sex12")
    assert sex12.label_for("disgust", "female") == "female_dislike"
    assert sex12.label_for("calm", "male") == "male_calm"
    assert sex12.label_for("calm", None) is None
    assert sex12.label_for("angry", "male") is None
    assert sex12.label_for("neutral", "female") is None
    assert sex12.needs_sex


def test_a_scheme_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "raised.toml"
    path.write_text(
        'name = "raised"\nlabels = ["quiet", "man", "woman"]\n[words]\nCalm = "quiet"\n'
        'anger = { male = "man", female = "woman" }\nwhisper = "quiet"\n'
        'happy = { female = "woman" }\n',
        encoding="utf-8",
    )
    own = scheme(path)
    assert (own.name, own.labels) == ("raised", ("quiet", "man", "woman"))
    assert own.label_for("calm", None) == own.label_for("whisper", "male") == "quiet"
    assert own.label_for("angry", "female") == "woman"
    assert own.label_for("angry", None) is None
    assert own.label_for("happy", "male") is None
    assert own.needs_sex


def test_a_scheme_without_words_and_name_stands_for_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text('labels = ["happy", "urgent"]', encoding="utf-8")
    assert scheme(str(path)).name == "two"
    assert scheme(str(path)).label_for("urgent") == "urgent"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("labels = [", "expected TOML"),
        ("name = 'x'", "expected labels"),
        ("labels = 'happy'", "expected labels"),
        ("labels = ['happy', 3]", "expected labels"),
        ("labels = ['happy']", "two or more"),
        ("labels = ['happy', 'happy']", "two or more"),
        ("labels = ['a', 'b']\nwords = 1", r"expected a table \[words\]"),
        ("labels = ['a', 'b']\n[words]\nsad = 'c'", r"\['c'\]"),
        ("labels = ['a', 'b']\n[words]\nsad = 'a'", r"no word leads to \['b'\]"),
        ("labels = ['a', 'b']\n[words]\nsad = 1", "'sad'"),
        ("labels = ['a', 'b']\n[words]\nsad = {child = 'a'}", "'sad'"),
    ],
)
def test_a_wrong_scheme_file_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemeError, match=says):
        scheme(path)


def test_an_unreadable_or_unknown_scheme(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"labels = ['\xe9', 'b']")
    for path in (tmp_path / "latin.toml", tmp_path / "none.toml", tmp_path):
        with pytest.raises(SchemeError, match="expected"):
            scheme(path)
    with pytest.raises(SchemeError, match=r"ravdess8.*helpline4.*'ravdess9'"):
        scheme("ravdess9")


def test_labels_must_be_the_words_targets() -> None:
    with pytest.raises(SchemeError, match="joy"):
        Scheme("x", ("happy", "sad"), {("happy", None): "joy", ("sad", None): "sad"})


@pytest.mark.parametrize(
    ("spelling", "word"),
    [
        ("Anger", "angry"),
        ("HAPPINESS", "happy"),
        ("pleasant surprise", "surprised"),
        ("Pleasant_Surprised", "surprised"),
        (" fear ", "fearful"),
        ("Very-Urgent", "very_urgent"),
    ],
)
def test_spellings(spelling: str, word: str) -> None:
    assert canonical(spelling) == word


def test_canonical_words_are_their_own_spelling() -> None:
    assert [canonical(word) for word in EMOTIONS] == list(EMOTIONS)


def test_every_emotion_has_its_own_colour_and_letter() -> None:
    assert set(COLOURS) == set(LETTERS) == set(EMOTIONS)
    assert len(set(LETTERS.values())) == len(EMOTIONS)
    assert all(re.fullmatch("[A-Z]", letter) for letter in LETTERS.values())
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in COLOURS.values())


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_emotions_look_alike(sight: str) -> None:
    seen = {word: lab(colour, np.array(SIGHT[sight])) for word, colour in COLOURS.items()}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 16, (one, other)


def test_red_is_kept_for_alerts() -> None:
    red = lab("#FF0000", np.eye(3))
    assert min(float(np.linalg.norm(lab(c, np.eye(3)) - red)) for c in COLOURS.values()) > 25


def test_labels_look_like_their_emotion() -> None:
    assert colour_of("male_dislike") == colour_of("female_dislike") == COLOURS["disgust"]
    assert letter_of("female_fearful") == "F"
    assert letter_of("urgent") == "U"
    assert colour_of("urgent") not in COLOURS.values()


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", COLOURS.values())
def test_a_letter_can_be_read_on_every_colour(colour: str) -> None:
    light, dark = sorted((_luminance(colour), _luminance(ink_on(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
