"""Random numbers as workers/origin/random.ts draws them: mulberry32, whose n-th number can be computed alone.

Every order, mask and variation of a training follows from (seed, epoch, step). So a training that continues, and each of
several processes, draws what one unbroken process would have drawn, and no state of a generator is saved.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

Counters = npt.NDArray[np.uint32]

_MASK = 0xFFFFFFFF
_GOLDEN = 0x6D2B79F5
RANGE = 2**32


def step_seed(seed: int, epoch: int, step: int) -> int:
    """Combines seed, epoch and step into one seed. Step 0 seeds the epoch's order, the others its batches."""
    return ((seed * 0x9E3779B1) ^ ((epoch + 1) * 0x85EBCA6B) ^ (step * 0xC2B2AE35)) & _MASK


def step_seeds(seed: int, epoch: int, steps: npt.NDArray[np.int64]) -> Counters:
    """Computes `step_seed` of many steps."""
    constant = np.uint32(((seed * 0x9E3779B1) ^ ((epoch + 1) * 0x85EBCA6B)) & _MASK)
    mixed = constant ^ (steps.astype(np.uint32) * np.uint32(0xC2B2AE35))
    return mixed.astype(np.uint32)


def _mixed(states: Counters) -> Counters:
    one = (states ^ (states >> np.uint32(15))) * (states | np.uint32(1))
    two = (one + (one ^ (one >> np.uint32(7))) * (one | np.uint32(61))) ^ one
    return np.asarray(two ^ (two >> np.uint32(14)), dtype=np.uint32)


def draw(seed: int | Counters, start: int, count: int) -> Counters:
    """Draws the numbers `start` to `start + count - 1` of a seed, or of each of many seeds [seeds, count]; 2^32 is one."""
    steps = (np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)).astype(np.uint32)
    if isinstance(seed, int):
        return _mixed(np.uint32(seed & _MASK) + steps)
    return _mixed(seed[:, None] + steps[None, :])


def shuffled(rows: int, seed: int) -> npt.NDArray[np.int64]:
    """Shuffles the indexes 0 … rows - 1 (Fisher & Yates)."""
    order = list(range(rows))
    numbers = draw(seed, 0, max(0, rows - 1)).astype(np.float64) / RANGE
    others = np.floor(numbers * np.arange(rows, 1, -1)).astype(np.int64).tolist()
    for i, j in zip(range(rows - 1, 0, -1), others):
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.int64)


def is_below(numbers: Counters, share: float) -> npt.NDArray[np.bool_]:
    """Tells which numbers are below a share of their range."""
    return np.asarray(numbers < share * RANGE)


def draw_on(device: torch.device, seed: int, start: int, count: int) -> torch.Tensor:
    """Draws as `draw` does, on a device, as int64."""
    if device.type == "cpu":
        return torch.from_numpy(draw(seed, start, count).astype(np.int64))
    steps = torch.arange(start + 1, start + count + 1, dtype=torch.int64, device=device)
    states = (steps * _GOLDEN + (seed & _MASK)) & _MASK
    one = ((states ^ (states >> 15)) * (states | 1)) & _MASK
    two = ((one + (one ^ (one >> 7)) * (one | 61)) & _MASK) ^ one
    return two ^ (two >> 14)


class Dropout:
    """Dropout in one training step: its seed decides which values are zeroed."""

    def __init__(self, share: float, seed: int) -> None:
        self.share = share
        self.seed = seed
        self.drawn = 0

    def apply(self, values: torch.Tensor, first: int, rows: int) -> torch.Tensor:
        """Zeroes a share of the values and scales the rest up.

        The values are those of some of the batch's rows, from `first` on; `rows` are those of the whole batch.
        """
        if self.share == 0:
            return values
        own = values.shape[0]
        width = values[0].numel()
        numbers = draw_on(values.device, self.seed, self.drawn + first * width, own * width)
        self.drawn += rows * width
        kept = (numbers >= self.share * RANGE).reshape(values.shape)
        return values * (kept.to(values.dtype) * (1 / (1 - self.share)))
