"""Files in a training's folder. Each is written beside its place and renamed, so that a reader never sees a part."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import numpy.typing as npt
import torch


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_name(f"{path.name}.part")
    write(part)
    os.replace(part, path)


def write_json(path: Path, value: Dict[str, Any]) -> None:
    """Writes a JSON file."""

    def write(part: Path) -> None:
        part.write_text(json.dumps(value, allow_nan=False), "utf8")

    _replace(path, write)


def write_array(path: Path, values: npt.NDArray[np.float32]) -> None:
    """Writes a .npy file."""

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, values)

    _replace(path, write)


def write_tensors(path: Path, value: Dict[str, Any]) -> None:
    """Writes a file of tensors."""
    _replace(path, lambda part: torch.save(value, part))


def cut_array(values: npt.NDArray[np.float32], shapes: List[List[int]]) -> List[torch.Tensor]:
    """Cuts a flat array into tensors of the given shapes."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    if sum(sizes) != len(values):
        raise SystemExit(f"The plan's arrays hold {len(values)} numbers, and its network has {sum(sizes)}. Plan it again.")
    parts = np.split(np.asarray(values), np.cumsum(sizes)[:-1])
    return [torch.from_numpy(part.copy()).reshape(shape) for part, shape in zip(parts, shapes)]
