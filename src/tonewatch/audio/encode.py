"""Samples as a WAV file: 16 kHz, mono, 16 bits, which everything plays.

What lies beyond full scale is clipped. It names and opens no file.
"""

import io

import numpy as np
import soundfile

from tonewatch.core.signal import RATE_HZ, Samples


def wav(samples: Samples) -> bytes:
    """The file of `samples`, shape [n], 16 kHz."""
    # Not soundfile's own conversion: it scales by 32767 where reading scales by 32768.
    whole = np.clip(np.rint(samples.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole, RATE_HZ, "PCM_16", format="WAV")
    return file.getvalue()
