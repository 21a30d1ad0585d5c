"""`tonewatch.audio.features`: how its log-mels compare with a frame-by-frame C++ filter bank.

kaldi-native-fbank is what speech recognisers use; it computes the same 64 bands, one frame a call.
Both get one-second blocks of the same speech, in memory, in processes of their own, in turn.
"""

from collections.abc import Callable
from statistics import median
from typing import Any

from bench.child import Measured, measure
from bench.outcome import Outcome
from bench.setting import Setting
from bench.speech import speech_file

_OURS = "tonewatch.audio.features"


def run(setting: Setting) -> list[Outcome]:
    length_s, repeats = (30, 1) if setting.quick else (300, 5)
    path = str(speech_file(setting, length_s))
    tasks = {_OURS: "bench.features:ours", "kaldi-native-fbank": "bench.features:kaldi"}
    runs: dict[str, list[Measured]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            runs[name].append(measure(task, path=path))
    cpu_s = {name: median(m.cpu_s for m in measured) for name, measured in runs.items()}
    return [
        Outcome(
            f"64 log-mel bands over {length_s} s of speech, one thread, median of {repeats}",
            ["", "RTF, CPU", "times ours", "frames"],
            [
                [
                    name,
                    f"{cost_s / length_s:.6f}",
                    f"{cost_s / cpu_s[_OURS]:.1f}",
                    str(runs[name][0].result),
                ]
                for name, cost_s in cpu_s.items()
            ],
            values={"length_s": length_s, "cpu_s": cpu_s},
        )
    ]


def ours(path: str) -> Callable[[], int]:
    from tonewatch.audio.features import FeatureSettings, FeatureStream

    blocks = _blocks(path)
    # The tables are made once a process.
    FeatureStream(FeatureSettings()).push(blocks[0])

    def work() -> int:
        stream = FeatureStream(FeatureSettings())
        return sum(len(stream.push(block)) for block in blocks)

    return work


def kaldi(path: str) -> Callable[[], int]:
    import kaldi_native_fbank

    blocks = _blocks(path)
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = 16_000
    options.mel_opts.num_bins = 64
    bank = kaldi_native_fbank.OnlineFbank(options)

    def work() -> int:
        done = 0
        for block in blocks:
            bank.accept_waveform(16_000, block)
            while done < bank.num_frames_ready:
                bank.get_frame(done)
                done += 1
        return done

    return work


def _blocks(path: str) -> list[Any]:
    import soundfile

    return list(soundfile.blocks(path, 16_000, dtype="float32"))
