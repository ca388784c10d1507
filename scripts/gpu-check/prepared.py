"""The prepared set of `fashion`, as prepare.ts writes it; a synthetic one where it is absent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import numpy.typing as npt

_SHOPS = 8
_TEST_ROWS = 5_000


@dataclass
class Split:
    """Images [rows, 28, 28] of 0 to 255, their class, and their shop."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    regions: npt.NDArray[np.int32]


@dataclass
class Prepared:
    """A set, what its network is, and what WASM reached on it."""

    source: str
    train: Split
    test: Split
    classes: int
    layers: List[Dict[str, Any]]
    training: Dict[str, Any]
    # {accuracy, validationLoss, examplesPerSecond, epochs, rows}; None where it was not measured.
    wasm: Optional[Dict[str, float]]


def read_or_make(folder: Path, rows: int) -> Prepared:
    """Reads the prepared set, or makes a synthetic one of so many rows."""
    if not (folder / "set.json").exists():
        return _synthetic(rows)
    given = json.loads((folder / "set.json").read_text("utf8"))

    def split(name: str) -> Split:
        parts = [np.load(folder / f"{name}-{part}.npy") for part in ("images", "labels", "regions")]
        return Split(parts[0], parts[1], parts[2])

    return Prepared(
        "fashion", split("train"), split("test"), given["classes"], given["layers"], given["training"], given["wasm"]
    )


def _synthetic(rows: int) -> Prepared:
    """Draws ten patterns, each shifted and noisy, so that a network has something to learn."""
    random = np.random.default_rng(1)
    patterns = random.integers(0, 2, size=(10, 7, 7)).repeat(4, 1).repeat(4, 2).astype(np.float32)

    def split(count: int) -> Split:
        labels = random.integers(0, 10, count).astype(np.int32)
        images = np.empty((count, 28, 28), dtype=np.uint8)
        for row, label in enumerate(labels):
            moved = np.roll(patterns[label], random.integers(-3, 4, 2), (0, 1))
            images[row] = np.clip(110 * moved + random.normal(60, 60, (28, 28)), 0, 255)
        return Split(images, labels, random.integers(0, _SHOPS, count).astype(np.int32))

    layers = [
        {"type": "conv", "filters": 32, "size": 3},
        {"type": "pool", "size": 2},
        {"type": "conv", "filters": 64, "size": 3},
        {"type": "pool", "size": 2},
        {"type": "dense", "units": 128},
    ]
    training = {"batchSize": 64, "learningRate": 0.0015, "seed": 5, "augment": {"mirror": True, "shift": 2}}
    return Prepared("synthetic", split(rows), split(_TEST_ROWS), 10, layers, training, None)
