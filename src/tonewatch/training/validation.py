"""What a `stream_cnn` answers to the recordings of speakers that it does not learn from.

One window around the speech of each recording, which is quicker than the analyser and enough to
choose an epoch. It does not train.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from tonewatch.inference.scores import unweighted_recall
from tonewatch.training.batches import Labelling, crop
from tonewatch.training.dataset import Dataset
from tonewatch.training.networks.stream_cnn import StreamCnn


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 itself; where it is emulated, it takes twice as long.

    Seen on a Xeon without AMX: a step 1.25 s in float32, 2.8 s in bfloat16.
    """
    if device != "cpu":
        return True
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


@torch.no_grad()
def predict(
    network: StreamCnn, windows: NDArray[np.float32], device: str = "cpu"
) -> NDArray[np.float32]:
    """Logits over windows of frames [n, T, n_features], shape [n, n_labels]."""
    network.eval()
    out = []
    for start in range(0, len(windows), 128):
        frames = torch.from_numpy(windows[start : start + 128]).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
            logits, _ = network(frames)
        out.append(logits.float().cpu().numpy())
    return np.concatenate(out) if out else np.zeros((0, 0), np.float32)


def askable(labelling: Labelling, validate: Sequence[int]) -> list[int]:
    """Those of `validate` with a label, of corpora with two or more: one answer asks nothing."""
    asks = labelling.allowed.sum(axis=1) > 1
    return [i for i in validate if labelling.target[i] >= 0 and asks[labelling.corpus[i]]]


class Judged:
    """The recordings of the inner validation speakers, cut once for all epochs.

    Args:
        dataset: frames.
        labelling: answers.
        validate: indices; those that are not `askable` are left out.
    """

    def __init__(self, dataset: Dataset, labelling: Labelling, validate: Sequence[int]) -> None:
        chosen = np.asarray(askable(labelling, validate), np.int64)
        self._target, self._corpus = labelling.target[chosen], labelling.corpus[chosen]
        self._allowed = labelling.allowed
        self._windows = [central_windows(dataset, chosen.tolist(), copy) for copy in (0, 1)]

    def __len__(self) -> int:
        return len(self._target)

    def scores(self, network: StreamCnn, device: str) -> tuple[float, float, float]:
        """Loss, accuracy and UAR, each the mean over corpora, and over clean and telephone."""
        if len(self._target) == 0:
            return math.nan, math.nan, math.nan
        rows = []
        for windows in self._windows:
            logits = predict(network, windows.astype(np.float32), device)
            for number in np.unique(self._corpus):
                inside = self._corpus == number
                target = self._target[inside]
                own = np.where(self._allowed[number], logits[inside], -1e4)
                right = own.argmax(1) == target
                loss = F.cross_entropy(torch.from_numpy(own), torch.from_numpy(target)).item()
                rows.append((loss, float(right.mean()), unweighted_recall(target, right)))
        loss, accuracy, uar = np.mean(rows, axis=0)
        return float(loss), float(accuracy), float(uar)


def central_windows(
    dataset: Dataset, chosen: Sequence[int], copy_number: int = 0, length: int = 296
) -> NDArray[np.float16]:
    """One window around the speech of each recording, shape [n, length, n_features]."""
    out = np.empty((len(chosen), length, dataset.frames.shape[1]), np.float16)
    for row, index in enumerate(chosen):
        out[row] = crop(dataset, index, copy_number, length, None)[0]
    return out
