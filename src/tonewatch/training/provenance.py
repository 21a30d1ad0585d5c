"""What a report tells of how its run was made: the protocol, the settings, notes, the hardware."""

import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tonewatch.training.material import Material, RunSettings
from tonewatch.training.start import in_words


def protocol_of(material: Material, settings: RunSettings, *, leaky: bool) -> str:
    """What was tested on what, and what chose checkpoint and calibration, in words."""
    counts = {
        group: sum(material.group(i) == group for i in range(len(material.utterances)))
        for group in material.groups
    }
    listed = ", ".join(f"{group} ({count})" for group, count in counts.items())
    only = f", of which only the first {settings.first_folds}" if settings.first_folds else ""
    return (
        f"Folds {settings.folds}{only} over {listed}. Acted speech. Each test recording is heard "
        "whole, through the exported bundle and the analyser "
        f"({window_s(settings):.3g} s windows, 1 s hop), clean and "
        "through a telephone line (8 kHz u-law, 300-3400 Hz, white noise at 20 dB SNR). Labels "
        f"that a corpus lacks are left out of its answers.{_together(settings)}"
        f"{_begun(settings)} {_JUDGES[settings.validation, leaky]}"
    )


_CHOSEN = "Checkpoint, temperature and threshold of 'certain' come from"
_LAST = (
    "The last epoch is kept; temperature and threshold of 'certain' come from what the "
    "other folds' networks answered to"
)
_LEAKY = (
    "of the same voices. LEAKY: the voices tested on were trained on, so none of it, calibration "
    "included, says anything of new voices."
)
# By whether speakers were spared for validation, and whether the voices tested were trained on.
_JUDGES = {
    (True, False): f"{_CHOSEN} inner validation speakers, who are neither trained on nor tested.",
    (True, True): f"{_CHOSEN} other recordings {_LEAKY}",
    (False, False): f"{_LAST} speakers whom they had not heard (those of the fold taught them).",
    (False, True): f"{_LAST} other recordings {_LEAKY}",
}


def _together(settings: RunSettings) -> str:
    if settings.members == 1:
        return ""
    differ = ", each begun with the weights of the one before," if settings.snapshots else ""
    return (
        f" {settings.members} networks of different seeds{differ} answer with the mean of their "
        "logits."
    )


def _begun(settings: RunSettings) -> str:
    if settings.start is None:
        return ""
    return (
        f" Each network began with {in_words(settings.start)}, and whom that one had heard counts "
        "as heard."
    )


def window_s(settings: RunSettings) -> float:
    """Seconds that the network hears at once."""
    return 3.0 if settings.window is None else settings.window.network.window_s


def settings_of(settings: RunSettings) -> dict[str, Any]:
    """The settings that this network was trained with, and its name."""
    unused = (
        ("window",) if settings.window is None else ("train", "dataset", "members", "snapshots")
    )
    table = {key: value for key, value in asdict(settings).items() if key not in unused}
    return {"network": settings.network} | table


def notes_of(material: Material) -> list[str]:
    """What was left out, what nothing was learnt of, and what could not be read."""
    notes = [
        f"left out, no label in the scheme: {word} ({n})"
        for word, n in sorted(material.left_out.items())
    ]
    if material.untaught:
        untaught = ", ".join(sorted(material.untaught))
        notes.append(f"no recording has them, so never answered: {untaught}")
    return [*notes, *material.dataset.problems]


def hardware(device: str) -> str:
    """The processor that trains."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{os.cpu_count()} CPU cores ({model})"
