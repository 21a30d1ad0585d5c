"""Every text exists in every language, and every text that is asked for exists."""

import ast
import json
import re
import string
from pathlib import Path

import pytest

import tonewatch.service.dashboard as dashboard
from tonewatch.call.call import _MESSAGES
from tonewatch.call.events import EndReason
from tonewatch.call.roles import Role
from tonewatch.core.labels import EMOTIONS
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.texts import LANGUAGES, language_of, texts
from tonewatch.service.decisions import OUTCOMES, URGENCIES
from tonewatch.store.calls import CallState
from tonewatch.store.retention import Policy
from tonewatch.store.users import UserRole
from tonewatch.triage.assessment import Band
from tonewatch.triage.cues import CHECK, URGENCY
from tonewatch.triage.feedback import Target
from tonewatch.triage.phrases import Kind

HOME = Path(dashboard.__file__).parent
CATALOGUES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((HOME / "texts").glob("*.json"))
}
ENGLISH = CATALOGUES["en"]
# What is no key, though it looks like one: actions of the audit, and names of files.
NOT_KEYS = re.compile(
    r"^(call|recording|user|key|result|session)\.[a-z_]+$|^studio\.(deleted|forgotten)$"
    r"|\.(json|toml|svg|png|css)$"
)


def _patterns() -> set[str]:
    """Every key in the sources, as a pattern: what is computed in it is `.+`."""
    found = set()
    for path in HOME.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        parts = {
            id(part) for each in nodes if isinstance(each, ast.JoinedStr) for part in each.values
        }
        for node in nodes:
            if id(node) in parts:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                found.add(
                    "".join(
                        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                        for part in node.values
                    )
                )
    for path in (HOME / "static").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        keys = re.findall(r"[\"'`](script\.[a-z_]+)[\"'`]", text)
        found |= {f"{key}.+" if key.endswith("_") else re.escape(key) for key in keys}
        found |= {f"{begin}.+" for begin in re.findall(r"`([a-z]+\.)\$\{", text)}
    return {f"{each}(\\.one|\\.other)?" for each in found if re.match(r"[a-z_]+\\?\.", each)} | {
        "yes",
        "no",
    }


def test_all_languages_have_the_same_keys() -> None:
    assert set(CATALOGUES) == set(LANGUAGES)
    for language, catalogue in CATALOGUES.items():
        assert set(catalogue) == set(ENGLISH), language


@pytest.mark.parametrize("language", [each for each in CATALOGUES if each != "en"])
def test_a_translation_fills_in_the_same_values_and_is_not_empty(language: str) -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, text in CATALOGUES[language].items():
        assert names(text) == names(ENGLISH[key]), key
        assert text.strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_named_from_outside_has_no_values_to_fill_in(language: str) -> None:
    """Python's `known` and the scripts show these as they are."""
    outside = ("error.", "warning.", "reason.", "channel.", "metadata.")
    named = {k: text for k, text in CATALOGUES[language].items() if k.startswith(outside)}
    assert {k.split(".")[0] + "." for k in named} == set(outside)
    assert not [key for key, text in named.items() if "{" in text]


def test_every_text_is_used() -> None:
    patterns = [re.compile(each) for each in _patterns()]
    unused = [key for key in ENGLISH if not any(each.fullmatch(key) for each in patterns)]
    assert not unused


def test_every_key_that_is_used_exists() -> None:
    groups = {key.split(".")[0] for key in ENGLISH}
    for pattern in _patterns() - {"yes", "no"}:
        bare = pattern.removesuffix("(\\.one|\\.other)?").replace("\\.", ".").replace("\\_", "_")
        plain = re.fullmatch(r"[a-z_]+(\.[a-z_:]+)+", bare)
        if plain is None or bare.split(".")[0] not in groups or NOT_KEYS.search(bare):
            continue
        assert bare in ENGLISH or f"{bare}.one" in ENGLISH, bare


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_named_by_values_has_its_text(language: str) -> None:
    catalogue = CATALOGUES[language]
    wanted = [f"emotion.{word}" for word in EMOTIONS]
    wanted += [f"role.{role}" for role in UserRole]
    wanted += [f"channel.{role}" for role in Role]
    wanted += [f"reason.{reason}" for reason in EndReason]
    wanted += [f"call_state.{state}" for state in CallState]
    wanted += [f"permission.{permission}" for permission in Permission]
    wanted += [f"warning.{code}" for code in _MESSAGES]
    wanted += [f"retention.{name}" for name in Policy().to_dict()]
    wanted += [f"cue.{name}" for name in (*URGENCY, *CHECK)]
    wanted += [f"band.{band}" for band in Band]
    wanted += [f"script.kind_{kind}" for kind in Kind]
    wanted += [f"decision.outcome.{value}" for value in OUTCOMES]
    wanted += [f"decision.urgency.{value}" for value in URGENCIES]
    wanted += [f"proposal.ask_{target}" for target in Target]
    assert not [key for key in wanted if key not in catalogue]


def test_a_label_has_its_word_and_one_of_ones_own_stays() -> None:
    german = texts("de")
    assert german.emotion("sad") == "traurig"
    assert german.emotion("female_sad") == "traurig (weiblich)"
    assert german.emotion("my_mood") == "my mood"


def test_numbers_choose_one_or_other() -> None:
    english = texts("en")
    assert english.count("recording.channels", 1) == "1 channel"
    assert english.count("recording.channels", 2) == "2 channels"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("de", "en", "de"),
        (None, "fr-FR,de-AT;q=0.8,en;q=0.5", "de"),
        (None, "en-US,de;q=0.5", "en"),
        ("xx", "", "en"),
        (None, "zz", "en"),
    ],
)
def test_the_language_is_the_chosen_or_the_browsers(
    chosen: str | None, accepted: str, language: str
) -> None:
    assert language_of(chosen, accepted) == language
