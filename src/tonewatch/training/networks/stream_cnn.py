"""`stream_cnn`: the default network, a causal CNN over log-mel frames and a head over its windows.

The network sees each frame twice: each band less its own baseline, a running mean of what was
heard so far (3 s), without gain, microphone and line; and all bands less the mean of their
baselines, without the gain alone, so that how bright or dark the voice is stays audible. The frame
part is a residual CNN (He et al., 2015) whose convolutions look back in time only and hand on the
few frames they need next time, so each frame is convolved once however much windows overlap.
Beside it three convolutions read the salience of pitches, which bands do not show: the melody, and
how clear the voice is. Both give one embedding per four frames (40 ms). A speech head on the
embedding is the voice activity detector. The window head reads the embeddings of one window: a
bidirectional GRU, then attentive statistics pooling (Okabe et al., Interspeech 2018: the weighted
mean and standard deviation over time), then one linear layer.

Without the streaming constraint this is the usual CNN + recurrent network + pooling of speech
emotion recognition; it takes about 73 M multiply-adds a second of audio and 7 M a window of 3 s.
This module does not know corpora, losses or how the frames are made.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STRIDES = ((2, 2), (1, 2), (1, 2))  # of the blocks, in time and frequency
_PITCH_STRIDES = ((2, 1), (1, 2), (1, 2))  # likewise, after the mean over two frames
_BASELINE_FRAMES = 300  # 3 s
_USUAL_LEVEL = -8.0  # of speech, the mean over bands of its log-mels


@dataclass(frozen=True)
class StreamCnnSettings:
    """Widths of the network; the defaults are the shipped model's.

    Without `baseline` it sees the frames as they are, gain and line included, but for one constant.
    A frame is `n_bands` log-mels, then the salience of `n_pitches`.
    """

    n_bands: int = 64
    n_pitches: int = 40
    widths: tuple[int, ...] = (24, 48, 96, 128)
    pitch_widths: tuple[int, ...] = (16, 24, 24)
    embedding: int = 192
    hidden: int = 96
    dropout: float = 0.2
    baseline: bool = True


class CausalConv(nn.Module):
    """3x3 convolution, normalised, that looks back in time: input [B, C, T, F].

    The state is the last `3 - stride` input frames, which the next call puts before its own.
    """

    def __init__(self, n_in: int, n_out: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.n_past = 3 - stride[0]
        self.conv = nn.Conv2d(n_in, n_out, 3, stride, padding=(0, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        # Channels last, as oneDNN convolves them quickest: a quarter of a training's time.
        last = torch.channels_last
        past, x = past.to(x.dtype, memory_format=last), x.contiguous(memory_format=last)
        x = torch.cat([past, x], dim=2)
        return self.norm(self.conv(x)), x[:, :, x.shape[2] - self.n_past :]


def _less_baseline(frames: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Take from each band its baseline, and from all bands their baselines' mean.

    A baseline is a running mean in which loud frames count for more: with weights exp(level / 2)
    speech sets it as soon as it begins, and pauses hardly move it. Gain is gone from both at every
    frame, the first one included, and from the former the line too.

    Args:
        frames: log-mel, shape [B, T, n_bands].
        before: the sums so far, shape [B, n_bands + 1]: of weighted frames, and of weights.

    Returns:
        Both, shape [B, 2, T, n_bands], and the sums after the last frame.
    """
    at = torch.arange(frames.shape[1], device=frames.device)
    age = (at[:, None] - at[None]).to(frames.dtype)
    fading = torch.exp(-age.clamp(min=0) / _BASELINE_FRAMES) * (age >= 0)
    weight = torch.exp(frames.mean(2, keepdim=True) / 2) / _BASELINE_FRAMES
    kept = torch.exp(-(at + 1).to(frames.dtype) / _BASELINE_FRAMES)
    with torch.autocast(frames.device.type, enabled=False):  # bfloat16 would round the baseline
        sums = torch.matmul(fading, torch.cat([weight * frames, weight], dim=2))
    sums = sums + kept[:, None] * before[:, None]
    baseline = sums[:, :, :-1] / sums[:, :, -1:]
    level = baseline.mean(2, keepdim=True)
    return torch.stack([frames - baseline, frames - level], dim=1), sums[:, -1]


class Block(nn.Module):
    """Two causal convolutions and a shortcut."""

    def __init__(self, n_in: int, n_out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = CausalConv(n_in, n_out, stride)
        self.second = CausalConv(n_out, n_out)
        self.pool = nn.AvgPool2d(stride) if stride != (1, 1) else nn.Identity()
        self.match = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, first = self.first(x, past[0])
        y, second = self.second(F.relu(y), past[1])
        return F.relu(y + self.match(self.pool(x))), [first, second]


class StreamCnn(nn.Module):
    """The whole network; see the module docstring.

    Attributes:
        frames_per_embedding: frames that become one embedding; chunks are multiples of it.
    """

    frames_per_embedding = 4

    def __init__(self, n_labels: int, settings: StreamCnnSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or StreamCnnSettings()
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(self.n_features))
        w = s.widths
        self.stem = CausalConv(2, w[0], (2, 2))
        self.blocks = nn.ModuleList(
            [
                Block(n_in, n_out, stride)
                for n_in, n_out, stride in zip(w[:-1], w[1:], _STRIDES, strict=True)
            ]
        )
        n_seen = w[3] * (s.n_bands // 16)
        self.pitch = nn.ModuleList()
        if s.n_pitches:
            pairs = zip((1, *s.pitch_widths[:-1]), s.pitch_widths, _PITCH_STRIDES, strict=True)
            self.pitch.extend(CausalConv(n_in, n_out, stride) for n_in, n_out, stride in pairs)
            n_seen += s.pitch_widths[-1] * (s.n_pitches // 4)
        self.embed = nn.Linear(n_seen, s.embedding)
        self.speech = nn.Linear(s.embedding, 1)
        self.drop = nn.Dropout(s.dropout)
        self.gru = nn.GRU(s.embedding, s.hidden, batch_first=True, bidirectional=True)
        self.attention = nn.Sequential(
            nn.Linear(2 * s.hidden, s.hidden), nn.Tanh(), nn.Linear(s.hidden, 2 * s.hidden)
        )
        self.classify = nn.Linear(4 * s.hidden, n_labels)

    @property
    def n_bands(self) -> int:
        """Bands in a frame."""
        return self.settings.n_bands

    @property
    def n_features(self) -> int:
        """Numbers in a frame: bands, then pitches."""
        return self.settings.n_bands + self.settings.n_pitches

    @property
    def n_labels(self) -> int:
        """Outputs."""
        return self.classify.out_features

    @property
    def embedding_size(self) -> int:
        """Numbers an embedding."""
        return self.settings.embedding

    @property
    def spread(self) -> Tensor:
        """Standard deviation of each number in a frame over what it learnt from."""
        return 1 / self.scale.clamp(min=1e-6)

    def initial_state(self, batch: int = 1) -> list[Tensor]:
        """What came before the first frame: nothing."""
        s, bands = self.settings, self.settings.n_bands
        shapes: list[tuple[int, ...]] = [(bands + 1,), (2, 1, bands)]
        n_in, bands = s.widths[0], bands // 2
        for n_out, (stride, _) in zip(s.widths[1:], _STRIDES, strict=True):
            shapes.append((n_in, 3 - stride, bands))
            bands //= 2
            shapes.append((n_out, 2, bands))
            n_in = n_out
        if s.n_pitches:
            n_in, pitches = 1, s.n_pitches
            for n_out, (stride, apart) in zip(s.pitch_widths, _PITCH_STRIDES, strict=True):
                shapes.append((n_in, 3 - stride, pitches))
                n_in, pitches = n_out, pitches // apart
        return [self.scale.new_zeros(batch, *shape) for shape in shapes]

    def embeddings(self, frames: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Frames [B, T, n_features], T a multiple of 4 -> embeddings [B, T // 4, embedding]."""
        s = self.settings
        bands, pitches = frames.split([s.n_bands, s.n_pitches], dim=2)
        band_scale, pitch_scale = self.scale.split([s.n_bands, s.n_pitches])
        x, level = _less_baseline(bands, state[0])
        if not s.baseline:
            x = torch.stack([bands, bands], dim=1) - _USUAL_LEVEL
        x, stem = self.stem(x * band_scale, state[1])
        x, after = F.relu(x), [level, stem]
        for i, block in enumerate(self.blocks):
            x, new = block(x, state[2 + 2 * i : 4 + 2 * i])
            after += new
        x = x.permute(0, 2, 1, 3).flatten(2)
        if s.n_pitches:
            # Frames that reach over 64 ms say much the same every 10 ms.
            y = F.avg_pool2d((pitches * pitch_scale).unsqueeze(1), (2, 1))
            for conv, past in zip(self.pitch, state[len(after) :], strict=True):
                y, before = conv(y, past)
                y = F.relu(y)
                after.append(before)
            x = torch.cat([x, y.permute(0, 2, 1, 3).flatten(2)], dim=2)
        return F.relu(self.embed(x)), after

    def judge(self, window: Tensor) -> Tensor:
        """Embeddings of one window [B, N >= 2, embedding] -> logits [B, n_labels].

        The recurrent network steps over means of two (80 ms): half the cost.
        """
        pairs = F.avg_pool1d(window.transpose(1, 2), 2).transpose(1, 2)
        h, _ = self.gru(self.drop(pairs))
        weights = torch.softmax(self.attention(h), dim=1)
        mean = (weights * h).sum(1)
        spread = ((weights * h * h).sum(1) - mean * mean).clamp(min=1e-5).sqrt()
        logits: Tensor = self.classify(self.drop(torch.cat([mean, spread], dim=1)))
        return logits

    def speech_logits(self, window: Tensor) -> Tensor:
        """Embeddings [B, N, embedding] -> logits of speech [B, N]."""
        logits: Tensor = self.speech(window).squeeze(2)
        return logits

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, T, n_features] of one window -> logits [B, n_labels], speech [B, T // 4]."""
        window, _ = self.embeddings(frames, self.initial_state(len(frames)))
        return self.judge(window), self.speech_logits(window)

    def with_labels(self, rows: Sequence[int]) -> "StreamCnn":
        """A copy on the CPU, not training, whose outputs are these alone."""
        chosen = copy.deepcopy(self).cpu().float().eval()
        chosen.classify = nn.Linear(self.classify.in_features, len(rows))
        with torch.no_grad():
            chosen.classify.weight.copy_(self.classify.weight[list(rows)])
            chosen.classify.bias.copy_(self.classify.bias[list(rows)])
        return chosen
