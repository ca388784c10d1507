"""Mirrors and shifts images at random, and hides regions; as workers/origin/train/augment.ts and batches.ts do."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
import numpy.typing as npt
import torch

from .randoms import RANGE, draw
from .variation import Variation


def vary(values: torch.Tensor, all_rows: int, first: int, variation: Variation) -> Tuple[torch.Tensor, int]:
    """Varies rows [rows, width], which are those from `first` on of the batch; returns how many numbers the batch draws."""
    hides = variation.region_columns is not None and variation.region_dropout > 0
    images = 3 if variation.augment else 0
    each = images + (1 if hides else 0)
    if each == 0:
        return values, 0
    rows = int(values.shape[0])
    numbers = draw(variation.seed, first * each, rows * each).reshape(rows, each) / RANGE
    values = values.clone()
    if variation.augment:
        height, width, channels = (variation.shape + [1, 1])[:3]
        size = height * width * channels
        values[:, :size] = _moved(values[:, :size], [height, width, channels], variation.augment, numbers)
    if hides and variation.region_columns:
        offset, count = variation.region_columns
        hidden = torch.from_numpy(numbers[:, images] < variation.region_dropout).to(values.device)
        values[:, offset : offset + count] *= (~hidden[:, None]).to(values.dtype)
    return values, all_rows * each


def _moved(
    images: torch.Tensor, shape: List[int], augment: Tuple[bool, int], numbers: npt.NDArray[np.float64]
) -> torch.Tensor:
    height, width, channels = shape
    mirror, shift = augment
    mirrored = (numbers[:, 0] < 0.5) & mirror
    down = np.floor(numbers[:, 1] * (2 * shift + 1)).astype(np.int64) - shift
    right = np.floor(numbers[:, 2] * (2 * shift + 1)).astype(np.int64) - shift
    from_y = np.arange(height)[None, :] - down[:, None]
    from_x = np.arange(width)[None, :] - right[:, None]
    from_x = np.where(mirrored[:, None], width - 1 - from_x, from_x)
    inside = ((from_y >= 0) & (from_y < height))[:, :, None] & ((from_x >= 0) & (from_x < width))[:, None, :]
    places = np.clip(from_y, 0, height - 1)[:, :, None] * width + np.clip(from_x, 0, width - 1)[:, None, :]
    rows = images.shape[0]
    index = torch.from_numpy(places.reshape(rows, -1)).to(images.device)
    keep = torch.from_numpy(inside.reshape(rows, -1)).to(images.device, images.dtype)
    pixels = images.reshape(rows, height * width, channels)
    taken = pixels.gather(1, index[:, :, None].expand(-1, -1, channels)) * keep[:, :, None]
    return taken.reshape(rows, -1)
