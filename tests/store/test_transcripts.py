import pytest

from store.kept import Kept
from tonewatch.core.errors import ConflictError, NotFoundError
from tonewatch.core.events import Word
from tonewatch.store.transcripts import Spotted, Transcribed, Utterance


def test_it_comes_back_in_order_and_twice_is_once(kept: Kept) -> None:
    kept.call("c")
    said = kept.said("c")
    other = Utterance(1, 0.5, 0.9, (Word("Größe \U0001f600", 0.5, 0.9, 1.0),))
    kept.transcripts.add("c", [Utterance(0, 1.0, 9.0, ()), other])
    assert kept.transcripts.of("c") == (other, *said)
    assert said[0].text == "my mother"


def test_spotted_phrases_come_back_in_order_and_twice_is_once(kept: Kept) -> None:
    kept.call("c")
    (first,) = kept.spotted("c")
    again = Spotted(first.channel, first.start_s, first.end_s + 1, first.phrase)
    others = (Spotted(1, 0.5, 0.9, "heart attack"), Spotted(0, 1.1, 1.8, "is not breathing"))
    kept.transcripts.add_spotted("c", [again, *others])
    assert kept.transcripts.spotted("c") == (others[0], others[1], first)
    assert kept.transcripts.how_much(["c"]) == {"c": Transcribed.NOTHING}


def test_how_much_is_written_down(kept: Kept) -> None:
    for call_id in ("none", "lost", "partly", "all"):
        kept.call(call_id)
    kept.said("partly")
    kept.transcripts.add("lost", [Utterance(0, 0.0, 1.0, recognised=False)])
    kept.transcripts.add("all", [Utterance(0, 0.0, 1.0)])
    assert kept.transcripts.how_much(["none", "lost", "partly", "all"]) == {
        "none": Transcribed.NOTHING,
        "lost": Transcribed.NOTHING,
        "partly": Transcribed.PARTLY,
        "all": Transcribed.ALL,
    }


def test_of_no_call_and_of_an_erased_one(kept: Kept) -> None:
    for step in (
        lambda: kept.transcripts.of("x"),
        lambda: kept.transcripts.add("x", []),
        lambda: kept.transcripts.spotted("x"),
        lambda: kept.transcripts.add_spotted("x", []),
    ):
        with pytest.raises(NotFoundError):
            step()
    kept.ended_call("c")
    kept.retention.erase_call("c", actor="me")
    with pytest.raises(ConflictError, match="erased"):
        kept.said("c")
    with pytest.raises(ConflictError, match="erased"):
        kept.spotted("c")
