"""What is said in simulated calls, with how grave it is and what the call is in truth.

Its own scripts come with it; others are read from TOML of the same form, or from CSV with the
columns `text` and `gravity` (or `class`), and `outcome` where calls are not genuine. It speaks
nothing.
"""

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tonewatch.core.errors import SettingsError
from tonewatch.core.labels import EMOTIONS, canonical
from tonewatch.triage.gravity import Gravity

OUTCOMES = ("genuine", "prank", "accidental", "abusive", "test")
"""What a call is in truth; all but the first are "to check". The same words as decisions have."""

_LINE_WORDS = 14


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, and the emotion that it is said with; None where the script does not say."""

    text: str
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """One call.

    Attributes:
        name: what it is about.
        gravity: how grave it is by its words.
        lines: what the caller says.
        outcome: one of `OUTCOMES`.
    """

    name: str
    gravity: Gravity
    lines: tuple[Line, ...]
    outcome: str = "genuine"

    @property
    def text(self) -> str:
        """All that the caller says."""
        return " ".join(line.text for line in self.lines)


def shipped() -> tuple[Script, ...]:
    """The scripts that come with Tonewatch, which are spoken (`spoken`)."""
    return _calls(_own(), "scripts.toml")


def call_taker() -> tuple[str, ...]:
    """What the person who answers says: first the greeting, then one after the other."""
    return tuple(_own()["call_taker"])


def read(path: Path) -> tuple[Script, ...]:
    """Scripts of one's own.

    Raises:
        SettingsError: it cannot be read, or a call in it is wrong; the message says which.
    """
    try:
        if path.suffix.lower() == ".toml":
            found = _calls(tomllib.loads(path.read_text("utf-8-sig")), path.name)
        else:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                found = _rows(csv.DictReader(file), path.name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
        raise SettingsError(
            f"cannot read the texts {path}: {error}; expected a TOML or CSV file in UTF-8"
        ) from error
    if not found:
        raise SettingsError(f"{path}: expected texts of calls, came none; write some")
    return found


def _own() -> dict[str, Any]:
    return tomllib.loads((files("tonewatch.simulate") / "scripts.toml").read_text("utf-8"))


def _calls(content: Mapping[str, Any], where: str) -> tuple[Script, ...]:
    calls = content.get("call")
    if not isinstance(calls, list):
        raise SettingsError(f"{where}: expected [[call]] tables, came none; see simulate.md")
    made = []
    for number, call in enumerate(calls, 1):
        try:
            lines = tuple(_line(line) for line in call["lines"])
            name, gravity = str(call.get("name", number)), call["gravity"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SettingsError(
                f"{where}, call {number}: expected a gravity and lines like "
                f'["fearful", "The house is on fire!"], came {call!r}; correct it'
            ) from error
        made.append(_script(name, gravity, lines, call.get("outcome", "genuine"), where))
    return tuple(made)


def _line(line: Any) -> Line:
    if isinstance(line, str):
        return Line(line)
    emotion, text = line
    return Line(text.strip(), canonical(emotion))


def _rows(reader: "csv.DictReader[str]", where: str) -> tuple[Script, ...]:
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    label = "gravity" if "gravity" in names else "class"
    if "text" not in names or label not in names:
        raise SettingsError(
            f"{where}: expected the columns text and gravity (or class), came {names}; add them"
        )
    made = []
    for number, row in enumerate(reader, 1):
        lines = tuple(Line(part) for part in sentences(row["text"] or ""))
        outcome = (row.get("outcome") or "").strip().lower() or "genuine"
        made.append(_script(f"{where} {number}", row[label], lines, outcome, where))
    return tuple(made)


def sentences(text: str) -> list[str]:
    """A text in parts that can be said in one go: sentences, long ones cut."""
    parts = []
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        words = sentence.split()
        parts += [" ".join(words[k : k + _LINE_WORDS]) for k in range(0, len(words), _LINE_WORDS)]
    return parts


def _script(name: str, gravity: Any, lines: tuple[Line, ...], outcome: Any, where: str) -> Script:
    known = {str(each).lower(): each for each in Gravity}
    found = known.get(str(gravity).strip().lower())
    if found is None or outcome not in OUTCOMES:
        raise SettingsError(
            f"{where}, {name}: expected a gravity ({', '.join(Gravity)}) and an outcome "
            f"({', '.join(OUTCOMES)}), came {gravity!r} and {outcome!r}; correct it"
        )
    if not lines or not all(line.text.strip() for line in lines):
        raise SettingsError(f"{where}, {name}: expected something that is said, came an empty line")
    if stray := sorted({line.emotion for line in lines if line.emotion} - set(EMOTIONS)):
        raise SettingsError(
            f"{where}, {name}: expected emotions among {', '.join(EMOTIONS)}, came {stray}"
        )
    return Script(name, found, lines, outcome)
