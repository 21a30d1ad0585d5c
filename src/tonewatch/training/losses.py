"""Losses over batches in which corpora know different labels, and over where speech is."""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_loss(logits: Tensor, target: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy in single precision over the allowed labels of each row, shape [B].

    Rows whose target is -1 have 0.
    """
    log_p = F.log_softmax(logits.float().masked_fill(~allowed, -1e4), dim=1)
    picked = log_p.gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1)
    spread = (log_p * allowed).sum(1) / allowed.sum(1).clamp(min=1)
    loss = -(1 - smoothing) * picked - smoothing * spread
    return torch.where(target >= 0, loss, torch.zeros_like(loss))


def speech_loss(logits: Tensor, speech: Tensor, noise_weight: float, counts: Tensor) -> Tensor:
    """Mean binary cross-entropy over the rows of [B, T] where `counts`, shape [B], is true.

    Rows without any speech count `noise_weight` times.
    """
    weight = torch.where(speech.any(dim=1), 1.0, noise_weight) * counts
    weight = weight[:, None].expand_as(logits)
    loss = F.binary_cross_entropy_with_logits(logits, speech, weight, reduction="sum")
    return loss / weight.sum().clamp(min=1)
