"""Writes small plans for the tests of the PyTorch program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np

ROWS, WIDTH, CLASSES = 120, 6, 3


def write_plan(folder: Path, **different: Any) -> Path:
    """Writes rows and a plan with two dense layers; `different` overrides its training."""
    random = np.random.default_rng(1)
    for name in ("train", "held"):
        rows = folder / f"rows-{name}"
        rows.mkdir(parents=True, exist_ok=True)
        labels = random.integers(0, CLASSES, ROWS).astype(np.int32)
        values = random.normal(size=(ROWS, WIDTH)).astype(np.float32) + labels[:, None] / 2
        np.save(rows / "values.npy", values.astype(np.float32))
        np.save(rows / "labels.npy", labels)
        np.save(rows / "regions.npy", np.zeros(ROWS, dtype=np.int32))
        np.save(rows / "weights.npy", np.ones(ROWS, dtype=np.float32))
    own = folder / "full"
    own.mkdir(exist_ok=True)
    variables = [[WIDTH, 8], [8], [8, CLASSES], [CLASSES]]
    sizes = sum(int(np.prod(shape)) for shape in variables)
    np.save(own / "start.npy", random.normal(size=sizes, scale=0.3).astype(np.float32))
    training: Dict[str, Any] = {
        **{"epochs": 6, "patience": 6, "batchSize": 4, "learningRate": 0.01, "seed": 3, "distil": 0},
        **{"distilTemperature": 1, "l2": 0.001, "weightDecay": 0.1, "dropout": 0.2, "regionDropout": 0},
        **{"augment": None, "regionalHeads": None, **different},
    }
    plan = {
        **{"format": "upriver-torch/1", "name": "full", "fingerprint": "one", "training": training},
        "network": {
            **{"kind": "network", "layers": [{"type": "dense", "units": 8}], "members": 1, "classes": CLASSES},
            **{"shapes": [[WIDTH]], "buckets": [None], "variables": variables, "kernels": [True, False, True, False]},
        },
        **{"train": "../rows-train", "validation": "../rows-held", "teacher": None, "classWeights": None},
        **{"regionCount": 1, "regionColumns": None, "start": "start.npy", "masks": None, "saveEverySeconds": 0},
        **{"until": None, "device": "cpu", "precision": "auto"},
    }
    (own / "plan.json").write_text(json.dumps(plan))
    return own
