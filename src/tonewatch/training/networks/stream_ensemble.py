"""Several `stream_cnn` that hear the same frames, and answer with the mean of their logits.

A deep ensemble (Lakshminarayanan et al., NeurIPS 2017): networks that were trained alike from
other random weights err differently, and their mean is right more often and surer with reason.
The mean of logits, not of probabilities: to leave out a label before or after is then the same.
It looks like one network to the export: embeddings and memories stand side by side. It does not
know how the members were trained.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from tonewatch.training.networks.stream_cnn import StreamCnn


class StreamEnsemble(nn.Module):
    """Members of equal widths and labels, as one network.

    Attributes:
        embedding_size: numbers an embedding, of all members together.
    """

    frames_per_embedding = StreamCnn.frames_per_embedding

    def __init__(self, members: Sequence[StreamCnn]) -> None:
        super().__init__()
        self.members = cast("Sequence[StreamCnn]", nn.ModuleList(members))
        self._n_states = len(members[0].initial_state())
        self._size = members[0].embedding_size
        self.embedding_size = len(members) * self._size
        self.n_bands, self.n_features = members[0].n_bands, members[0].n_features
        self.n_labels = members[0].n_labels

    @property
    def spread(self) -> Tensor:
        """Standard deviation of each number in a frame over what the first member learnt from."""
        return self.members[0].spread

    def initial_state(self, batch: int = 1) -> list[Tensor]:
        """What came before the first frame, of one member after the other."""
        return [state for member in self.members for state in member.initial_state(batch)]

    def embeddings(self, frames: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """As `StreamCnn.embeddings`, each member's beside the other's."""
        parts, after = [], []
        for i, member in enumerate(self.members):
            own = state[i * self._n_states : (i + 1) * self._n_states]
            part, new = member.embeddings(frames, own)
            parts.append(part)
            after += new
        return torch.cat(parts, dim=2), after

    def judge(self, window: Tensor) -> Tensor:
        """Embeddings of one window [B, N >= 2, embedding_size] -> logits [B, n_labels]."""
        return self._mean([member.judge(part) for member, part in self._shared_out(window)])

    def speech_logits(self, window: Tensor) -> Tensor:
        """Embeddings [B, N, embedding_size] -> logits of speech [B, N]."""
        return self._mean([member.speech_logits(part) for member, part in self._shared_out(window)])

    def with_labels(self, rows: Sequence[int]) -> "StreamEnsemble":
        """A copy on the CPU, not training, whose outputs are these alone."""
        return StreamEnsemble([member.with_labels(rows) for member in self.members])

    def _shared_out(self, window: Tensor) -> list[tuple[StreamCnn, Tensor]]:
        return list(zip(self.members, window.split(self._size, dim=2), strict=True))

    @staticmethod
    def _mean(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts)).mean(0)
