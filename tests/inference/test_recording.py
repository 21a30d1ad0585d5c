import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tonewatch
from tonewatch.core.errors import AudioNotFoundError, ChannelError

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> tonewatch.Predictor:
    return tonewatch.Predictor.load(tiny_bundle)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Left: 5.2 s of noise; right: silence."""
    path = tmp_path_factory.mktemp("audio") / "stereo.wav"
    left = 0.2 * np.random.default_rng(0).standard_normal(round(5.2 * RATE_HZ))
    soundfile.write(path, np.stack([left, 0 * left], axis=1), RATE_HZ, "FLOAT")
    return path


def test_file_equals_stream(predictor: tonewatch.Predictor, stereo: Path) -> None:
    timeline = tonewatch.analyze(stereo, bundle=predictor, channel=0)
    samples = soundfile.read(stereo, dtype="float32")[0][:, 0]
    analyser = tonewatch.Analyser(predictor)
    events = [
        e for start in range(0, samples.size, 999) for e in analyser.push(samples[start:][:999])
    ]
    events += analyser.finish()
    assert list(timeline.windows) == [
        e for e in events if isinstance(e, tonewatch.EmotionEstimated)
    ]
    assert len(timeline.windows) == 3
    assert timeline.duration_s == 5.2
    assert timeline.speech_s == pytest.approx(5.2, abs=0.2)


def test_dictionary_is_that_of_the_json_output(
    predictor: tonewatch.Predictor, stereo: Path
) -> None:
    content = tonewatch.analyze(stereo, bundle=predictor).to_dict()
    assert list(content) == ["file", "duration_s", "speech_s", "emotion", "timeline"]
    judged = ["label", "confidence", "certain", "probabilities"]
    assert list(content["emotion"]) == judged
    for window in content["timeline"]:
        assert list(window) == ["start_s", "end_s", *judged]
        assert set(map(type, window["probabilities"].values())) == {float}


def test_silent_channel_has_no_emotion(predictor: tonewatch.Predictor, stereo: Path) -> None:
    timeline = tonewatch.analyze(str(stereo), bundle=predictor, channel=1)
    assert timeline.emotion is None
    assert timeline.to_dict()["emotion"] is None
    assert timeline.to_dict()["timeline"] == []
    assert [(gap.start_s, gap.end_s) for gap in timeline.gaps] == [(0, 3), (1, 4), (2, 5)]
    assert timeline.speech_s == 0


def test_errors_pass(predictor: tonewatch.Predictor, stereo: Path, tmp_path: Path) -> None:
    with pytest.raises(ChannelError):
        tonewatch.analyze(stereo, bundle=predictor, channel=2)
    with pytest.raises(AudioNotFoundError):
        tonewatch.analyze(tmp_path / "none.wav", bundle=predictor)


def test_frame_has_a_row_a_window(predictor: tonewatch.Predictor, stereo: Path) -> None:
    pytest.importorskip("pandas")
    timeline = tonewatch.analyze(stereo, bundle=predictor)
    frame = timeline.to_frame()
    assert list(frame["start_s"]) == [0.0, 1.0, 2.0]
    assert list(frame["p_sad"]) == [w.probabilities["sad"] for w in timeline.windows]
    empty = tonewatch.analyze(stereo, bundle=predictor, channel=1).to_frame()
    assert len(empty) == 0 and "label" in empty


def test_frame_without_pandas_says_what_to_do(
    predictor: tonewatch.Predictor, stereo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = tonewatch.analyze(stereo, bundle=predictor)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        timeline.to_frame()


def test_public_names() -> None:
    for name in tonewatch.__all__:
        assert getattr(tonewatch, name) is not None
    with pytest.raises(AttributeError):
        _ = tonewatch.nothing
