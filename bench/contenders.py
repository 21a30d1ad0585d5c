"""The analysers that `bench.speed` compares, each as a task of `bench.child`.

All read the same file from disk. Imports are inside, so that a process holds what it measures.
"""

from collections.abc import Callable
from typing import Any

WINDOW_S = 3.0


def tonewatch(path: str, bundle: str) -> Callable[[], Any]:
    """The whole analysis: decoding, voice activity, features, network, every 1 s, events."""
    from tonewatch import Predictor, analyze

    predictor = Predictor.load(bundle)

    def work() -> dict[str, Any]:
        timeline = analyze(path, bundle=predictor)
        return {"windows": len(timeline.windows) + len(timeline.gaps)}

    return work


def egemaps(path: str, hop_s: float | None) -> Callable[[], Any]:
    """EGeMAPSv02 functionals (88 numbers) by openSMILE per window; of the whole file for None."""
    import opensmile
    import soundfile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )

    def work() -> dict[str, Any]:
        samples, rate_hz = soundfile.read(path, dtype="float32")
        if hop_s is None:
            smile.process_signal(samples, rate_hz)
            return {"windows": 1}
        starts = _starts(len(samples), rate_hz, hop_s)
        for start in starts:
            smile.process_signal(samples[start : start + int(WINDOW_S * rate_hz)], rate_hz)
        return {"windows": len(starts)}

    return work


def wav2vec2(path: str, hop_s: float) -> Callable[[], Any]:
    """wav2vec2-base (95 M weights, random: they cost the same) over each window, without a head."""
    import soundfile
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    torch.set_num_threads(1)
    model: torch.nn.Module = Wav2Vec2Model(Wav2Vec2Config())
    model.train(False)

    def work() -> dict[str, Any]:
        samples, rate_hz = soundfile.read(path, dtype="float32")
        starts = _starts(len(samples), rate_hz, hop_s)
        with torch.inference_mode():
            for start in starts:
                window = samples[start : start + int(WINDOW_S * rate_hz)]
                model(torch.from_numpy(window)[None]).last_hidden_state.mean(1)
        return {"windows": len(starts)}

    return work


def _starts(n_samples: int, rate_hz: int, hop_s: float) -> list[int]:
    """Where whole windows begin."""
    last = n_samples - int(WINDOW_S * rate_hz)
    return list(range(0, last + 1, int(hop_s * rate_hz)))
