"""One stream through one session: the segmenter and the recogniser put together, without a pool."""

from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.backend import Recognised, Session
from tonewatch.transcript.segments import Piece, Segmenter, SegmentSettings


class Utterances:
    """Recognises the speech of a stream as it comes; arguments as for `Segmenter`.

    What is told of the speech in a block is to be told before the next block, which is no longer
    than `backlog_s`.
    """

    def __init__(self, session: Session, settings: SegmentSettings | None = None) -> None:
        self._session = session
        self._segmenter = Segmenter(settings)
        self._under_way = False
        self._n_samples = 0

    def push(self, samples: Samples) -> list[Recognised]:
        self._segmenter.judged(self._n_samples / RATE_HZ)
        self._n_samples += samples.size
        return self._hear(self._segmenter.push(samples))

    def started(self, start_s: float) -> list[Recognised]:
        return self._hear(self._segmenter.started(start_s))

    def ended(self) -> list[Recognised]:
        return self._hear(self._segmenter.ended())

    def finish(self) -> list[Recognised]:
        return self._hear(self._segmenter.finish())

    def _hear(self, pieces: list[Piece]) -> list[Recognised]:
        told: list[Recognised] = []
        for piece in pieces:
            if not self._under_way:
                self._session.begin(piece.start_s)
            self._under_way = not piece.ends
            if piece.samples.size:
                told += self._session.push(piece.samples)
            if piece.ends:
                told += self._session.finish()
        return told
