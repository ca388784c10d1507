"""Plans of the networks that are measured, in the form that the origin writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
from prepared import Prepared, Split

_SHOPS = 8
_SIDE = 28
# The wider network has so many times the filters and units, and a batch that keeps a GPU busy.
_WIDER = 4
_WIDE_BATCH = 512


@dataclass(frozen=True)
class CheckNetwork:
    """A network that is measured."""

    name: str
    layers: List[Dict[str, Any]]
    variables: List[List[int]]
    classes: int
    training: Dict[str, Any]

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(int(np.prod(shape)) for shape in self.variables)


@dataclass(frozen=True)
class WrittenRows:
    """Rows in the form of the program: folders beside the plans."""

    trained: int


def networks_of(found: Prepared) -> List[CheckNetwork]:
    """Returns the recipe's network and a wider one."""
    wide = [{**own, **{key: own[key] * _WIDER for key in ("filters", "units") if key in own}} for own in found.layers]
    # A step moves the outputs of a wider layer further.
    rate = found.training["learningRate"] / 2
    wide_training = {**found.training, "batchSize": _WIDE_BATCH, "learningRate": rate}
    return [
        CheckNetwork("recipe", found.layers, _variables(found.layers, found.classes), found.classes, found.training),
        CheckNetwork("wide", wide, _variables(wide, found.classes), found.classes, wide_training),
    ]


def write_rows(folder: Path, found: Prepared, limit: int) -> WrittenRows:
    """Writes at most so many training rows, and a quarter as many test rows for validation."""
    count = min(limit, len(found.train.labels))
    held = min(len(found.test.labels), max(100, count // 4))
    _write_split(folder / "rows-train", found.train, count)
    _write_split(folder / "rows-held", found.test, held)
    return WrittenRows(count)


def write_plan(
    folder: Path, rows: WrittenRows, network: CheckNetwork, epochs: int, device: str, precision: str
) -> Path:
    """Writes a network's plan and its initial weights; returns the plan's folder."""
    own = folder / f"{network.name}-{precision}"
    own.mkdir(parents=True, exist_ok=True)
    np.save(own / "start.npy", _initial(network.variables))
    training: Dict[str, Any] = {
        **{"distil": 0, "distilTemperature": 1, "l2": 0, "weightDecay": 0, "dropout": 0, "regionDropout": 0.1},
        **{"regionalHeads": None, **network.training, "epochs": epochs, "patience": epochs},
    }
    plan = {
        **{"format": "upriver-torch/1", "name": network.name, "fingerprint": "check", "training": training},
        "network": {
            **{"kind": "network", "layers": network.layers, "members": 1, "classes": network.classes},
            **{"shapes": [[_SIDE, _SIDE, 1], [_SHOPS]], "buckets": [None, None], "variables": network.variables},
            "kernels": [len(shape) > 1 for shape in network.variables],
        },
        **{"train": "../rows-train", "validation": "../rows-held", "teacher": None, "classWeights": None},
        **{"regionCount": _SHOPS, "regionColumns": [_SIDE * _SIDE, _SHOPS], "start": "start.npy", "masks": None},
        **{"saveEverySeconds": 15, "until": None, "device": device, "precision": precision},
    }
    (own / "plan.json").write_text(json.dumps(plan))
    return own


def _write_split(folder: Path, split: Split, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = split.images[:count].reshape(count, -1).astype(np.float32) / 255
    shops = np.eye(_SHOPS, dtype=np.float32)[split.regions[:count]]
    np.save(folder / "values.npy", np.concatenate([pixels, shops], 1))
    np.save(folder / "labels.npy", split.labels[:count].astype(np.int32))
    np.save(folder / "regions.npy", split.regions[:count].astype(np.int32))
    np.save(folder / "weights.npy", np.ones(count, dtype=np.float32))


def _variables(layers: List[Dict[str, Any]], classes: int) -> List[List[int]]:
    side, channels, shapes, width = _SIDE, 1, [], 0
    for layer in layers:
        if layer["type"] == "conv":
            shapes += [[layer["size"], layer["size"], channels, layer["filters"]], [layer["filters"]]]
            channels = layer["filters"]
        elif layer["type"] == "pool":
            side //= layer["size"]
        else:
            width = width or side * side * channels + _SHOPS
            shapes += [[width, layer["units"]], [layer["units"]]]
            width = layer["units"]
    return shapes + [[width, classes], [classes]]


def _initial(variables: List[List[int]]) -> "np.ndarray[Tuple[int], np.dtype[np.float32]]":
    """Draws kernels as He et al. (2015); biases are zero."""
    random = np.random.default_rng(7)
    parts = [
        random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, int(np.prod(shape))) if len(shape) > 1 else np.zeros(shape[0])
        for shape in variables
    ]
    return np.concatenate(parts).astype(np.float32)
