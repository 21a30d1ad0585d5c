"""What was said, with its phrases marked."""

from tonewatch.call.events import Heard
from tonewatch.call.roles import Role
from tonewatch.core.events import NotTranscribed, PhraseSpotted, Word, WordsRecognised
from tonewatch.service.dashboard import said
from tonewatch.store.transcripts import Spotted, Utterance
from tonewatch.triage import phrases

LISTS = phrases.Phrases(
    phrases.parse(
        'version = 1\nlanguage = "en"\nkind = "emergency"\n'
        '[[group]]\nabout = "fire"\nweight = 2\nphrases = ["a fire", "burning"]\n',
        "fire",
    )
    + phrases.parse(
        'version = 1\nlanguage = "en"\nkind = "abuse"\n'
        '[[group]]\nabout = "threat"\nweight = 1\nphrases = ["burning you"]\n',
        "threat",
    )
)


def _words(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, 0.0, 1.0, 1.0) for word in text.split())


def _heard(start_s: float, text: str, final: bool = True) -> Heard:
    event = WordsRecognised(start_s, start_s + 1, _words(text), final)
    return Heard("c", 0, Role.CALLER, event)


def test_phrases_are_marked_and_no_letter_is_lost() -> None:
    text = "there is a fire, no burning here"
    parts = said.marked(text, LISTS)
    assert "".join(part["text"] for part in parts) == text
    marked = [part for part in parts if part["kind"]]
    assert [(part["text"], part["negated"]) for part in marked] == [
        ("a fire", False),
        ("burning", True),
    ]
    assert marked[0]["about"] == "fire"


def test_phrases_that_overlap_are_marked_once() -> None:
    text = "burning you"
    parts = said.marked(text, LISTS)
    assert "".join(part["text"] for part in parts) == text
    assert len([part for part in parts if part["kind"]]) == 1


def test_speech_that_nobody_wrote_down_has_no_parts() -> None:
    kept = [Utterance(0, 1, 2, _words("hello")), Utterance(0, 3, 4, recognised=False)]
    first, second = said.of_kept(kept)
    assert first["parts"] == [{"text": "hello", "kind": ""}]
    assert second["parts"] is None
    lost = Heard("c", 0, Role.CALLER, NotTranscribed(3, 4))
    assert said.of_live([lost]) == [second]
    assert not said.of_live([_heard(1, "so far", final=False)])[0]["final"]


def test_what_was_spotted_is_marked_and_is_no_word() -> None:
    heard = Heard("c", 0, Role.CALLER, PhraseSpotted(3, 4, "plane crash"))
    (live,) = said.of_live([heard])
    (kept,) = said.of_kept([], [Spotted(0, 3, 4, "plane crash")])
    assert live == kept
    assert live["spotted"] and live["final"]
    assert [part["kind"] for part in live["parts"]] == ["emergency"]
    assert said.tail([heard]) == ""


def test_the_tail_is_the_last_whole_words() -> None:
    long = " ".join(f"word{i}" for i in range(50))
    tail = said.tail([_heard(0, long), _heard(9, "the end")])
    assert tail.endswith("word49 the end")
    assert len(tail) <= said.TAIL
    assert tail.split()[0] in long.split()
    assert said.tail([]) == ""
