"""The plan of a training, as the origin writes it: plan.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple


@dataclass(frozen=True)
class NetworkForm:
    """What a network is built of."""

    kind: str
    layers: List[Dict[str, Any]]
    members: int
    # The shapes of its inputs, and for each the buckets of its n-grams, or None.
    shapes: List[List[int]]
    buckets: List[Optional[int]]
    classes: int
    # The shapes of its variables, in the order in which they are stored.
    variables: List[List[int]]
    # For each variable, whether L2 and weight decay act on it.
    kernels: List[bool]


@dataclass(frozen=True)
class Schedule:
    """The hyperparameters: see TrainingPlan in workers/core/contract/recipe.ts."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    seed: int
    distil: float
    distil_temperature: float
    l2: float
    weight_decay: float
    dropout: float
    region_dropout: float
    # Mirror or not, and by how many pixels an image is shifted; None for unchanged images.
    augment: Optional[Tuple[bool, int]]
    # The share and the L2 of regional heads; None without.
    regional_heads: Optional[Tuple[float, float]]


@dataclass(frozen=True)
class Plan:
    """Everything that a training needs; paths are relative to the plan's folder."""

    folder: Path
    name: str
    fingerprint: str
    network: NetworkForm
    schedule: Schedule
    train: Path
    validation: Path
    # The file of the teacher's scores; None without a teacher.
    teacher: Optional[Path]
    class_weights: Optional[List[float]]
    region_count: int
    # Where a row's values have its region: the offset and the width; None where the region is no input.
    region_columns: Optional[Tuple[int, int]]
    start: Path
    # The file of the weights that stay zero; None if all may change.
    masks: Optional[Path]
    save_every_seconds: float
    # When the training ends at the latest, seconds since 1970.
    until: Optional[float]
    # auto, cpu or cuda.
    device: str
    # auto, which is mixed on CUDA, or float32.
    precision: str


def read_plan(folder: Path) -> Plan:
    """Reads the plan in a folder."""
    given = json.loads((folder / "plan.json").read_text("utf8"))
    if given.get("format") != "upriver-torch/1":
        raise SystemExit(
            f"{folder / 'plan.json'} has format {given.get('format')!r}; this program reads 'upriver-torch/1'. "
            "Run the program of the origin that wrote the plan."
        )
    network, training = given["network"], given["training"]
    augment, regional = training["augment"], training["regionalHeads"]

    def path(name: str) -> Optional[Path]:
        return None if given[name] is None else folder / given[name]

    return Plan(
        folder=folder,
        name=given["name"],
        fingerprint=given["fingerprint"],
        network=NetworkForm(
            kind=network["kind"],
            layers=network["layers"],
            members=network["members"],
            shapes=network["shapes"],
            buckets=network["buckets"],
            classes=network["classes"],
            variables=network["variables"],
            kernels=network["kernels"],
        ),
        schedule=Schedule(
            epochs=training["epochs"],
            patience=training["patience"],
            batch_size=training["batchSize"],
            learning_rate=training["learningRate"],
            seed=training["seed"],
            distil=training["distil"],
            distil_temperature=training["distilTemperature"],
            l2=training["l2"],
            weight_decay=training["weightDecay"],
            dropout=training["dropout"],
            region_dropout=training["regionDropout"],
            augment=None if augment is None else (augment["mirror"], augment["shift"]),
            regional_heads=None if regional is None else (regional["share"], regional["l2"]),
        ),
        train=folder / given["train"],
        validation=folder / given["validation"],
        teacher=path("teacher"),
        class_weights=given["classWeights"],
        region_count=given["regionCount"],
        region_columns=None if given["regionColumns"] is None else tuple(given["regionColumns"]),
        start=folder / given["start"],
        masks=path("masks"),
        save_every_seconds=given["saveEverySeconds"],
        until=None if given["until"] is None else given["until"] / 1000,
        device=given["device"],
        precision=given["precision"],
    )
