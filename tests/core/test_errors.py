import inspect

import pytest

from tonewatch.core import errors
from tonewatch.core.errors import TonewatchError

CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, TonewatchError)
]


def test_kinds_are_given_once_and_short_words() -> None:
    kinds = [vars(cls)["kind"] for cls in CLASSES]  # its own, not the parent's
    assert len(set(kinds)) == len(kinds)
    assert all(kind.replace("_", "").isalpha() and kind.islower() for kind in kinds)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_drawing_shows_every_class_with_its_kind_below_its_parent(
    cls: type[TonewatchError],
) -> None:
    drawing = (inspect.getdoc(errors) or "").splitlines()
    line = next(i for i, text in enumerate(drawing) if cls.__name__ in text.split())
    assert cls.kind in drawing[line].split()
    if cls is not TonewatchError:
        indent = drawing[line].index(cls.__name__)
        above = [text for text in drawing[:line] if "Error " in text and _indent(text) < indent]
        assert cls.__bases__[0].__name__ in above[-1].split()


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" │├└─"))
