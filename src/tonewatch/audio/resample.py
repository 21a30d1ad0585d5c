"""Resampling of a stream: any rate to any other, the same samples whatever the chunks.

It knows nothing of files or channels. The filter is soxr's "high quality" one (20 bits, passband up
to about 0.91 of the lower Nyquist frequency).
"""

import numpy as np
import soxr

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import Samples


class StreamResampler:
    """Resamples mono samples from `from_hz` to `to_hz`; equal rates pass through untouched.

    Nothing is delayed in time: sample k of the output is the signal at k / to_hz. soxr holds some
    samples back until more, or the end, have come, so that a push may return none.

    Raises:
        SettingsError: a rate is not positive.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise SettingsError(f"Resampling: expected rates above 0 Hz, got {from_hz} to {to_hz}.")
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._finished = False
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape [n] at `from_hz`; return those that are ready, [m] at `to_hz`."""
        return self._next(samples, last=False)

    def finish(self) -> Samples:
        """End the stream; return the samples still held. No push may follow."""
        tail = self._next(np.zeros(0, np.float32), last=True)
        self._finished = True
        return tail

    def _next(self, samples: Samples, *, last: bool) -> Samples:
        assert not self._finished, "a finished resampler was used again"
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        if self._stream is None:
            return samples
        out: Samples = self._stream.resample_chunk(samples, last=last)
        return out
