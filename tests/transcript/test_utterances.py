import pytest

from tonewatch.core.events import WordsRecognised
from tonewatch.core.signal import Samples
from tonewatch.transcript.backend import Recognised
from tonewatch.transcript.segments import SegmentSettings
from tonewatch.transcript.utterances import Utterances
from transcript.echoing import Echoing, EchoingSession, spoken

SETTINGS = SegmentSettings(lead_s=0.0, remember_s=1.0)


def test_speech_early_in_a_long_block_is_heard() -> None:
    channel = Utterances(Echoing().session(), SETTINGS)
    channel.push(spoken(1, 9.0))
    told = [*channel.started(2.0), *channel.ended(), *channel.push(spoken(2, 0.1))]
    told += channel.finish()
    heard = [each for each in told if isinstance(each, WordsRecognised) and each.final]
    assert (heard[0].start_s, heard[-1].end_s) == pytest.approx((2.0, 9.0))


def test_speech_of_the_block_before_is_heard_as_far_as_it_is_remembered() -> None:
    channel = Utterances(Echoing().session(), SETTINGS)
    channel.push(spoken(1, 9.0))
    channel.push(spoken(2, 0.1))
    told = [*channel.started(2.0), *channel.finish()]
    (heard,) = [each for each in told if isinstance(each, WordsRecognised) and each.final]
    assert (heard.start_s, heard.end_s) == pytest.approx((8.0, 9.1))


def test_a_session_is_not_pushed_what_holds_no_samples() -> None:
    sizes: list[int] = []

    class Noting(EchoingSession):
        def push(self, samples: Samples) -> list[Recognised]:
            sizes.append(samples.size)
            return super().push(samples)

    channel = Utterances(Noting(0.0), SETTINGS)
    for number in (1, 2):
        channel.push(spoken(number, 1.0))
        channel.started(number - 1.0)
        channel.ended()
    channel.finish()
    assert sum(sizes) == 32_000 and 0 not in sizes
