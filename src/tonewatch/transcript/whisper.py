"""Whisper by faster-whisper, when the user has a model's folder.

It hears an utterance as a whole once it is over, so it has no partial results. It fetches no model:
the folder is one that CTranslate2's converter made. What Whisper itself takes for silence is left
out (`no_speech_prob` over 0.6 and `avg_logprob` under -1, the rule of OpenAI's transcribe.py).
"""

from collections.abc import Sequence
from pathlib import Path

from tonewatch.core.errors import TranscriptError
from tonewatch.core.events import Word
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.extras import needed
from tonewatch.transcript.whole import Whole


class Whisper:
    """Recognises with a Whisper model.

    Args:
        model: the folder with `model.bin`, `config.json` and the tokenizer's files.
        language: ISO 639-1 code; None lets Whisper find it for each utterance.
        beam: how many hypotheses it follows.

    Raises:
        TranscriptError: The package is not installed, or the folder holds no such model.
    """

    name = "whisper"

    def __init__(self, model: Path, *, language: str | None = None, beam: int = 1) -> None:
        package = needed("faster_whisper", "whisper")
        missing = [name for name in ("model.bin", "config.json") if not (model / name).is_file()]
        if missing:
            raise TranscriptError(
                f"{model}: expected the folder of a Whisper model for CTranslate2, {missing} "
                "is not in it; convert one with ct2-transformers-converter"
            )
        try:
            self._model = package.WhisperModel(
                str(model), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise TranscriptError(
                f"{model}: faster-whisper cannot load it: {error}; convert the model anew"
            ) from error
        self._language = language
        self._beam = beam

    def session(self) -> Whole:
        return Whole(self._recognise)

    def _recognise(self, samples: Samples) -> Sequence[Word]:
        try:
            segments, _ = self._model.transcribe(
                samples,
                language=self._language,
                beam_size=self._beam,
                word_timestamps=True,
                condition_on_previous_text=False,
                temperature=0.0,
            )
            return [
                Word(
                    word.word.strip(),
                    float(word.start),
                    float(word.end),
                    min(float(word.probability), 1.0),
                )
                for segment in segments
                for word in segment.words or ()
                if word.word.strip()
            ]
        except (RuntimeError, ValueError) as error:
            raise TranscriptError(
                f"Whisper failed at {samples.size / RATE_HZ:.1f} s of speech: {error}"
            ) from error
