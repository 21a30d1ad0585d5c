"""The words beside a score: which model, on whom, through what, and whom it had heard before.

A score without them means nothing, so they are made where it is made. Whom a bundle had heard is
what its `bundle.json` says under `training`: `speakers` (ids as `corpus:id`), `validation_speakers`
(those of early stopping and calibration) and `corpora` (names). One's own recordings may bear
another name now than in training; then none can tell whether somebody is new.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tonewatch.audio.telephone import TelephoneChannel
from tonewatch.corpora.readers import OWN, READERS
from tonewatch.corpora.table import Utterance
from tonewatch.inference.bundle import Bundle

_ACTED = frozenset({"ravdess", "tess", "emodb", "nemo", "ased", "cremad", "savee", "emovo"})
_LISTED = 12

COPIES = "synthetic copies"
"""Among what was left out: recordings that were made of others."""


def protocol_of(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    shared: Mapping[str, frozenset[str]],
    line: TelephoneChannel | None,
    *,
    left_out: Mapping[str, int],
    n_failed: int,
    n_silent: int,
) -> str:
    """Sentences that say all that a reader of the score must know.

    Args:
        bundle: what was scored.
        utterances: those scored.
        shared: labels of the bundle that are there, by corpus.
        line: what the recordings went through first.
        left_out: utterances without a label of the bundle, by emotion word, and `COPIES`.
        n_failed: utterances that could not be decoded.
        n_silent: utterances in which no speech was heard.
    """
    info = bundle.info
    speakers = sorted({utterance.speaker for utterance in utterances})
    corpora = sorted(shared)
    sentences = [
        *(["WARNING: this bundle is EXPERIMENTAL."] if info.experimental else []),
        f"Bundle {info.name} {info.version} (sha256 {bundle.sha256[:12]}) on "
        f"{_count(len(utterances), 'recording')} by {_count(len(speakers), 'speaker')} of "
        f"{', '.join(corpora)}; whole recordings, {_line(line)}.",
        _acted(corpora),
        known_voices(info.training, speakers, corpora),
    ]
    for corpus, labels in shared.items():
        if len(labels) == 1:
            (label,) = labels
            sentences.append(
                f"{corpus} has {label} alone: scored over all labels of the bundle, which tells "
                f"how often {label} is heard as such, and nothing of the others."
            )
        elif missing := [label for label in info.labels if label not in labels]:
            sentences.append(
                f"{corpus} lacks {', '.join(missing)}: probabilities were renormalised over the "
                f"{len(labels)} shared labels ("
                f"{', '.join(label for label in info.labels if label in labels)}), and so was the "
                "confidence that decides on certain."
            )
    words = {word: n for word, n in left_out.items() if word != COPIES}
    if words:
        counts = ", ".join(f"{word} {n}" for word, n in sorted(words.items()))
        sentences.append(f"Left out, as the bundle has no label for them: {counts}.")
    if len(words) < len(left_out):
        sentences.append(f"Left out, as they were made of others: {COPIES} {left_out[COPIES]}.")
    if n_failed:
        sentences.append(f"{_count(n_failed, 'recording')} could not be decoded: not scored.")
    if n_silent:
        sentences.append(
            f"In {_count(n_silent, 'recording')} no speech was heard: counted as wrong, outside "
            "the calibration error and the confusion matrix."
        )
    return " ".join(sentences)


def trained_speakers(training: Mapping[str, Any]) -> frozenset[str]:
    """The speakers that a bundle says it knows: learnt from, stopped or calibrated on.

    Empty when it does not say.
    """
    named = training.get("speakers", ())
    if isinstance(named, Mapping):
        named = [speaker for some in named.values() for speaker in some]
    return frozenset(map(str, (*named, *training.get("validation_speakers", ()))))


def known_voices(
    training: Mapping[str, Any], speakers: Sequence[str], corpora: Sequence[str]
) -> str:
    """Whether the speakers tested were in training, as far as the bundle tells; loud if so."""
    trained = trained_speakers(training)
    if both := sorted(trained.intersection(speakers)):
        listed = ", ".join(both[:_LISTED]) + (", ..." if len(both) > _LISTED else "")
        return (
            f"WARNING: these speakers were trained on: {listed} ({len(both)} of "
            f"{len(speakers)}); the score says nothing about new speakers."
        )
    if trained:
        if strange := _strange(training, corpora):
            return _untold(strange, trained, speakers)
        return (
            f"Speaker-independent: none of them is among the {len(trained)} speakers that the "
            "bundle was trained on."
        )
    if shared := sorted(set(map(str, training.get("corpora", ()))).intersection(corpora)):
        return (
            f"WARNING: the bundle was trained on {', '.join(shared)} and does not name the "
            "speakers: they may be the same."
        )
    if training.get("corpora"):
        if strange := _strange(training, corpora):
            return _untold(strange, trained, speakers)
        return "Corpus-independent: none of these corpora was trained on."
    return "WARNING: the bundle does not say whom it was trained on; these speakers may be known."


def _strange(training: Mapping[str, Any], corpora: Sequence[str]) -> list[str]:
    """Corpora of one's own that the bundle does not know by name."""
    known = {_corpus(speaker) for speaker in trained_speakers(training)}
    known.update(map(str, training.get("corpora", ())))
    return [corpus for corpus in corpora if _is_own(corpus) and corpus not in known]


def _untold(strange: Sequence[str], trained: Collection[str], speakers: Sequence[str]) -> str:
    names = ", ".join(strange)
    by_id = {
        speaker.partition(":")[2]: speaker
        for speaker in sorted(trained)
        if _is_own(_corpus(speaker))
    }
    asked = [speaker for speaker in speakers if _corpus(speaker) in strange]
    if alike := [s for s in asked if s.partition(":")[2] in by_id]:
        listed = ", ".join(f"{s} as {by_id[s.partition(':')[2]]}" for s in alike[:_LISTED])
        return (
            f"WARNING: these speakers may have been trained on: {listed}"
            f"{', ...' if len(alike) > _LISTED else ''} ({len(alike)} of {len(speakers)}); "
            f"the bundle knows no corpus called {names}, so call it as in training to know."
        )
    return (
        f"Whether these speakers are new is not known: the bundle knows no corpus called {names}, "
        "and may have been trained on it under another name; call it as in training."
    )


def _corpus(speaker: str) -> str:
    return speaker.partition(":")[0]


def _is_own(corpus: str) -> bool:
    return corpus in OWN or corpus not in READERS


def _line(line: TelephoneChannel | None) -> str:
    if line is None:
        return "as they were recorded"
    noise = f", white noise at {line.snr_db:g} dB SNR" if line.snr_db is not None else ""
    law = {"ulaw": "u-law", "alaw": "A-law"}[line.codec]
    return (
        f"through a simulated telephone line (8 kHz {law}, {line.low_hz:g}-{line.high_hz:g} Hz"
        f"{noise})"
    )


def _acted(corpora: Sequence[str]) -> str:
    others = [corpus for corpus in corpora if corpus not in _ACTED]
    if not others:
        return "Acted speech: the score does not carry over to real calls."
    if len(others) == len(corpora):
        return f"Whether the speech of {', '.join(others)} is acted is not known here."
    return f"Acted speech, but for {', '.join(others)}, of which this is not known here."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
