"""Where live sound comes from: a microphone, or a recording that stands in for one.

Both give the same: blocks of 16 kHz mono samples of a tenth of a second each. The device needs the
package sounddevice (extra `microphone`) and PortAudio; a machine without them, or without a sound
card, gets an error that says so. Nothing is opened before the first block is asked for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tonewatch.audio.decode import probe, stream_16k
from tonewatch.audio.resample import StreamResampler
from tonewatch.core.errors import DeviceError, SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

BLOCK_S = 0.1
"""Length of a block in seconds; the last of a recording is shorter."""


class Microphone(Protocol):
    """A source of live sound."""

    def check(self) -> None:
        """Find out whether it is there, without listening.

        Raises:
            AudioError: it cannot be heard.
        """
        ...

    def blocks(self, longest_s: float) -> Iterator[Samples]:
        """Listen from now on, for `longest_s` at most; shape [n], 16 kHz.

        Raises:
            AudioError: it cannot be heard.
        """
        ...


class DeviceMicrophone:
    """The microphone of this machine.

    Args:
        device: name or number of an input, as the system lists them; None is its default.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = _number_or_name(device)

    def check(self) -> None:
        """See `Microphone`."""
        sound = _sounddevice()
        try:
            sound.query_devices(self._device, "input")
        except (sound.PortAudioError, ValueError) as error:
            raise _no_device("microphone", error) from error

    def blocks(self, longest_s: float) -> Iterator[Samples]:
        """See `Microphone`.

        Raises:
            DeviceError: no package, no PortAudio, or no such input.
        """
        _check_length(longest_s)
        sound = _sounddevice()
        try:
            rate_hz = round(sound.query_devices(self._device, "input")["default_samplerate"])
            resampler = StreamResampler(rate_hz, RATE_HZ)
            size = round(rate_hz * BLOCK_S)
            with sound.InputStream(
                samplerate=rate_hz, device=self._device, channels=1, dtype="float32"
            ) as stream:
                for _ in range(max(1, round(longest_s / BLOCK_S))):
                    heard, _ = stream.read(size)
                    block = resampler.push(np.asarray(heard)[:, 0])
                    if block.size:
                        yield block
            if (rest := resampler.finish()).size:
                yield rest
        except (sound.PortAudioError, ValueError) as error:
            raise _no_device("microphone", error) from error


class FileMicrophone:
    """A recording in place of a microphone: each call of `blocks` begins it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """See `Microphone`."""
        probe(self.path)

    def blocks(self, longest_s: float) -> Iterator[Samples]:
        """See `Microphone`; the recording's own errors come from here too."""
        _check_length(longest_s)
        left = round(longest_s * RATE_HZ)
        for block in stream_16k(self.path, block_s=BLOCK_S):
            yield block[:left]
            left -= block.size
            if left <= 0:
                return


def play(samples: Samples) -> None:
    """Play samples, shape [n], 16 kHz, to their end.

    Raises:
        DeviceError: as `DeviceMicrophone.blocks`, of an output.
    """
    sound = _sounddevice()
    try:
        sound.play(samples, RATE_HZ, blocking=True)
    except (sound.PortAudioError, ValueError) as error:
        raise _no_device("loudspeaker", error) from error


def can_play() -> bool:
    """Whether this machine has an output; asks it, and plays nothing."""
    try:
        sound = _sounddevice()
        sound.query_devices(None, "output")
    except DeviceError:
        return False
    except (sound.PortAudioError, ValueError):
        return False
    return True


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise DeviceError(
            "expected the package sounddevice for a microphone, it is not installed; "
            "`pip install 'tonewatch[microphone]'`, or give recordings with --source"
        ) from error
    except OSError as error:  # the package is there, the library that it opens is not
        raise DeviceError(
            f"expected PortAudio for a microphone, came: {error}; install the system's package "
            "(Debian: libportaudio2), or give recordings with --source"
        ) from error
    return sounddevice


def _no_device(what: str, error: Exception) -> DeviceError:
    return DeviceError(
        f"expected a {what}, this machine has none that can be used ({error}); connect one, name "
        "another, or give recordings with --source"
    )


def _number_or_name(device: str | None) -> str | int | None:
    return int(device) if device is not None and device.isdecimal() else device


def _check_length(longest_s: float) -> None:
    if not 0 < longest_s < float("inf"):
        raise SettingsError(f"expected a length above 0 s, came {longest_s:g} s")
