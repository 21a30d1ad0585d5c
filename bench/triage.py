"""docs/why/triage.md: whether urgency puts grave calls before minor ones, on simulated calls.

A simulated call is the transcript of one of the 152 emergency calls (High or Low, as a recogniser
wrote it down) and a caller's voice. Neither says anything about the other in nature: the words are
of a real call, the voice is acted.

Words: judged by a model of gravity that has not read the call, nor what another recogniser made of
it (five folds by call, `tonewatch.training.gravity`). Beside these, `written`: three of the written
sentences of one scene and gravity as a call, a fifth of their words made wrong, judged by a model
that has read nothing of that scene (five folds by scene).

Voice: six clips of one RAVDESS actor, the first neutral, the others of one emotion, joined with
pauses, through the telephone line of `evaluate` and the analyser, as `tonewatch simulate` makes
its callers. Only actors that the bundle was neither trained nor stopped on are heard, so it takes
the bundle of a fold, or of all folds (`--bundle RUN/speaker-1/bundle --bundle
RUN/speaker-2/bundle ...`): then each actor is heard by the network that had not heard them, and
all are drawn from. With a bundle that heard all of them, what the networks of its folds answered
about unheard actors through the same line is drawn instead, from the confusion matrices of
docs/reports/voice: for each call a fold, for each clip an answer (three windows); its probabilities
are those that the answer deserves.

Moods: which emotion it is (`tonewatch.simulate.moods`). Each call is cast 20 times.

Score: AUC, the share of pairs of a grave and a minor call that urgency (the policy as shipped) puts
in order, ties half; 95 % interval by drawing calls (the few actors are not drawn, so it is too
narrow). It does not depend on how many calls are grave.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.outcome import Outcome
from bench.setting import ROOT, Setting
from tonewatch.audio.decode import load
from tonewatch.audio.telephone import telephone
from tonewatch.core.events import EmotionEstimated
from tonewatch.corpora.readers import read_corpus
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.evaluation import CHANNEL_SIMS
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.protocol import trained_speakers
from tonewatch.simulate.cast import Cast
from tonewatch.simulate.moods import MIXED, MOODS, draw
from tonewatch.simulate.render import joined
from tonewatch.simulate.scores import interval, pairs
from tonewatch.triage import cues
from tonewatch.triage.assessment import assess
from tonewatch.triage.baseline import Baseline
from tonewatch.triage.cues import Cue
from tonewatch.triage.gravity import Gravity, Judge
from tonewatch.triage.policy import Policy, shipped

if TYPE_CHECKING:
    from tonewatch.training.gravity import Rows

_CLIPS = 6
_TAKES = 3  # voices of one actor and emotion
_DRAWN = 60  # voices of one emotion
_CASTS = 20
_SENTENCES = 3  # a call put together
_ERRORS = 0.2  # share of its words
_WRITTEN = "written"
_AIM = 0.85

Reals = NDArray[np.float64]
Heard = Mapping[str, Sequence[list[Cue]]]
"""Cues of callers' voices, by emotion."""
Call = tuple[Gravity, list[Cue]]
"""Gravity, and the cues of the words."""


def run(setting: Setting) -> list[Outcome]:
    folder = setting.data and setting.data / "text" / "calls"
    if not folder or not folder.is_dir():
        note = "it needs a data folder with text/calls and ravdess; name it in TONEWATCH_DATA"
        return [Outcome("Triage of simulated calls: skipped", [""], [], [note])]
    assert setting.data is not None
    policy = shipped()
    rng = np.random.default_rng(1)
    spoken = _words(folder, setting)
    source, voices = _voices(setting, rng)
    rows, values = [], dict[str, Any]()
    for recogniser, calls in spoken.items():
        grave = np.array([gravity is Gravity.HIGH for gravity, _ in calls])
        scores = {"words only": _urgencies([[[]] * len(calls)], calls, policy)}
        for name, moods in MOODS.items() if voices else ():
            casts = [[_cast(moods[g], voices, rng) for g, _ in calls] for _ in range(_CASTS)]
            wordless: list[Call] = [(gravity, []) for gravity, _ in calls]
            scores[f"voice only, moods {name}"] = _urgencies(casts, wordless, policy)
            scores[f"words and voice, moods {name}"] = _urgencies(casts, calls, policy)
        for name, urgency in scores.items():
            found = _auc(urgency, grave)
            low, high = _interval(urgency, grave, rng)
            rows.append([f"{recogniser}: {name}", f"{found:.3f}", f"{low:.3f}-{high:.3f}"])
            values[f"{recogniser}: {name}"] = {"auc": found, "interval": [low, high]}
    return [_outcome(setting, rows, values, source, spoken, policy)]


def _outcome(
    setting: Setting,
    rows: list[list[str]],
    values: dict[str, Any],
    source: str,
    spoken: Mapping[str, list[Call]],
    policy: Policy,
) -> Outcome:
    counts = {
        name: (sum(gravity is Gravity.HIGH for gravity, _ in calls), len(calls))
        for name, calls in spoken.items()
    }
    notes = [
        *(f"{name}: {high} grave and {n - high} minor calls" for name, (high, n) in counts.items()),
        f"policy {policy.version}; words judged by models that had not read the call or its scene",
    ]
    if source:
        notes.append(f"voices: acted; {source}; {_CASTS} casts")
        for text, name in itertools.product(("google", _WRITTEN), ("mixed", "clear")):
            came = values[f"{text}: words and voice, moods {name}"]["auc"]
            verdict = "reached" if came >= _AIM else "MISSED"
            notes.append(f"{verdict}: {text}, moods {name}, {came:.3f}, aim at least {_AIM}")
    else:
        notes.append("words alone: for voices it needs ravdess and a bundle of a fold, or reports")
    return Outcome(
        f"Urgency of simulated calls, grave before minor, bundle: {setting.bundle_note}",
        ["", "AUC", "95 %"],
        rows,
        notes,
        {"voices": source, "policy": policy.version, "moods": MOODS, "scores": values},
    )


def _words(folder: Path, setting: Setting) -> dict[str, list[Call]]:
    """Gravity and cues of the words of each High and Low call, by recogniser."""
    from tonewatch.training.gravity import LABELS, RECOGNISERS, fold_models, read_calls

    rows = read_calls(folder)
    found: dict[str, list[Call]] = {name: [] for name in RECOGNISERS}
    folds = fold_models(rows, setting.work / "gravity")
    for test, model in itertools.islice(folds, 1 if setting.quick else None):
        judge = Judge(gravity=model)
        for i in test.tolist():
            gravity, judgement = Gravity(LABELS[rows.classes[i]]), judge.judge(rows.texts[i])
            if gravity in MIXED and judgement is not None:
                noticed = cues.from_words(judgement, 0.0, 20.0)
                found[str(rows.recognisers[i])].append((gravity, noticed))
    return {**found, _WRITTEN: list(_written(rows, setting))}


def _written(rows: "Rows", setting: Setting) -> Iterator[Call]:
    """Gravity and cues of calls put together from the sentences of scenes left out."""
    from tonewatch.training.gravity import LABELS, scene_folds, write
    from tonewatch.training.sentences import with_errors, written_sentences

    rng = np.random.default_rng(1)
    written = written_sentences(rng, each=1)
    words = sorted({word for text in written.texts for word in text.split()})
    for scenes, fitted in itertools.islice(scene_folds(rows), 1 if setting.quick else None):
        judge = Judge(gravity=write(fitted, setting.work / "scenes", {}))
        for scene, (k, label) in itertools.product(sorted(scenes), enumerate(LABELS)):
            own = [
                text
                for text, about, cls in zip(
                    written.texts, written.scenes, written.classes, strict=True
                )
                if (about, cls) == (scene, k)
            ]
            said = " ".join(rng.choice(own, _SENTENCES, replace=False))
            judgement = judge.judge(with_errors(said, _ERRORS, words, rng))
            if Gravity(label) in MIXED and judgement is not None:
                yield Gravity(label), cues.from_words(judgement, 0.0, 20.0)


def _voices(setting: Setting, rng: np.random.Generator) -> tuple[str, Heard]:
    """Where the voices come from, in words, and what is heard of them."""
    assert setting.data is not None
    if not (setting.data / "ravdess").is_dir():
        return "", {}
    actors = Cast.of(read_corpus("ravdess", setting.data / "ravdess"))
    voices: dict[str, list[list[Cue]]] = {}
    told: list[str] = []
    for path in setting.bundles:
        bundle = load_bundle(path)
        unheard = unheard_by(actors, bundle.info.training)
        predictor = Predictor(bundle)
        for actor, takes in unheard.takes.items():
            for emotion in takes:
                wanted = actors.sequence(actor, emotion, _CLIPS)
                for _ in range(1 if setting.quick else _TAKES):
                    chosen = [path for _, path in actors.draw(actor, wanted, rng)]
                    voices.setdefault(emotion, []).append(_hear(chosen, predictor, rng))
        told += [", ".join(sorted(unheard.takes))] if unheard.takes else []
    if not told:
        return _documented(rng)
    if len(told) < len(setting.bundles):
        raise SystemExit(
            "bench: expected bundles that were each not trained on some actors, "
            f"{len(setting.bundles) - len(told)} of {len(setting.bundles)} were trained on all"
        )
    return f"heard through the line by bundles that were not trained on {'; '.join(told)}", voices


def unheard_by(actors: Cast, training: Mapping[str, Any]) -> Cast:
    """Whom a bundle was neither trained, stopped nor calibrated on; nobody if it does not say."""
    known = trained_speakers(training)
    return actors.without(known) if known else Cast({})


def _documented(rng: np.random.Generator) -> tuple[str, Heard]:
    """Voices drawn from the answers that fold networks gave about unheard actors."""
    report = ROOT / "docs" / "reports" / "voice" / "report.json"
    told = json.loads(report.read_text("utf-8"))["conditions"]["ravdess, telephone"]
    labels = told["pooled"]["labels"]

    def rates(part: Mapping[str, Any]) -> Reals:
        counts = np.array(part["confusion"], float)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    pooled, folds = rates(told["pooled"]), [rates(fold) for fold in told["folds"].values()]
    deserved = pooled / pooled.sum(axis=0)
    voices: dict[str, list[list[Cue]]] = {}
    for emotion in labels:
        for _ in range(_DRAWN):
            fold = folds[int(rng.integers(len(folds)))]
            estimates = []
            for n, clip in enumerate(["neutral", *[emotion] * (_CLIPS - 1)]):
                answer = int(rng.choice(len(labels), p=fold[labels.index(clip)]))
                p = dict(zip(labels, deserved[:, answer].tolist(), strict=True))
                label = labels[answer]
                estimates += [
                    EmotionEstimated(at, at + 3.0, label, p[label], False, p, 3.0)
                    for at in (3.0 * n, 3.0 * n + 1, 3.0 * n + 2)
                ]
            voices.setdefault(emotion, []).append(_noticed(estimates))
    return "drawn from the fold networks' answers about unheard actors (docs/reports/voice)", voices


def _hear(paths: Sequence[Path], predictor: Predictor, rng: np.random.Generator) -> list[Cue]:
    """The cues of one caller's voice, heard as a call is."""
    speech = joined([load(path) for path in paths])
    line = telephone(speech, CHANNEL_SIMS["telephone"], rng=rng)
    analyser = Analyser(predictor)
    events = [*analyser.push(line), *analyser.finish()]
    return _noticed([event for event in events if isinstance(event, EmotionEstimated)])


def _noticed(estimates: Sequence[EmotionEstimated]) -> list[Cue]:
    baseline, noticed = Baseline(), list[Cue]()
    for each in estimates:
        noticed += cues.from_rise(baseline.push(each.start_s, each.end_s, each.probabilities))
    return noticed + cues.from_voice(estimates)


def _cast(mood: Mapping[str, float], voices: Heard, rng: np.random.Generator) -> list[Cue]:
    """A caller whose emotion is drawn by their shares."""
    callers = voices[draw(mood, rng)]
    return callers[int(rng.integers(len(callers)))]


def _urgencies(
    casts: Sequence[Sequence[list[Cue]]], calls: Sequence[Call], policy: Policy
) -> Reals:
    """Log-odds of each call with each cast of voices, shape [n_casts, n_calls]."""

    def urgency(noticed: Sequence[Cue]) -> float:
        found = assess(noticed, policy)
        assert found is not None
        return found.urgency.log_odds

    return np.array(
        [
            [urgency([*words, *voice]) for (_, words), voice in zip(calls, cast, strict=True)]
            for cast in casts
        ]
    )


def _auc(urgency: Reals, grave: NDArray[np.bool_]) -> float:
    """Mean over the casts."""
    return float(pairs(urgency[:, grave], urgency[:, ~grave]).mean())


def _interval(
    urgency: Reals, grave: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[float, float]:
    """95 % bootstrap interval, drawing grave and minor calls apart."""
    return interval(pairs(urgency[:, grave], urgency[:, ~grave]).mean(axis=0), rng)
