"""How far a training has come, and its checkpoint."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch

from .files import write_json, write_tensors
from .plan import Plan

PROGRESS_SECONDS = 0.5


@dataclass
class State:
    """How far a training has come: as TrainingState in train/checkpoint.ts."""

    is_finished: bool = False
    epoch: int = 0
    # Batches of this epoch that are done, and the sum of their losses weighted by rows.
    step: int = 0
    loss_sum: float = 0.0
    waited: int = 0
    best_loss: Optional[float] = None
    history: List[Dict[str, float]] = field(default_factory=list)
    # Training seconds so far, interruptions excluded.
    seconds: float = 0.0
    is_cut_short: bool = False
    # Most bytes of GPU memory in use; 0 on a CPU.
    peak_bytes: int = 0


def save_checkpoint(plan: Plan, state: State, values: Dict[str, Any]) -> None:
    """Replaces the checkpoint."""
    saved = {"fingerprint": plan.fingerprint, "state": asdict(state), "values": values}
    write_tensors(plan.folder / "checkpoint.pt", saved)


def read_checkpoint(plan: Plan) -> Optional[Dict[str, Any]]:
    """Reads the checkpoint; None when there is none, or it is damaged or of another plan."""
    path: Path = plan.folder / "checkpoint.pt"
    if not path.exists():
        return None
    try:
        saved: Dict[str, Any] = torch.load(path, map_location="cpu")
        return saved if saved["fingerprint"] == plan.fingerprint else None
    except Exception as error:
        print(f"{path} cannot be read ({error!r}): the training starts over.", flush=True)
        return None


def report_progress(plan: Plan, state: State, batches: int, rows: int, elapsed: float) -> None:
    """Writes progress.json, in the form of FitProgress in train/fit-progress.ts."""
    schedule = plan.schedule
    per_batch = elapsed / max(1, state.epoch * batches + state.step)
    progress = {
        "epoch": state.epoch + 1,
        "epochs": schedule.epochs,
        "share": state.step / batches,
        "loss": state.loss_sum / max(1, min(state.step * schedule.batch_size, rows)),
        "validationLoss": state.history[-1]["validationLoss"] if state.history else None,
        "secondsLeft": ((schedule.epochs - state.epoch) * batches - state.step) * per_batch,
    }
    # The heartbeat tells a training that runs from one that has died, and survives a mount without times of files.
    write_json(plan.folder / "progress.json", {"at": time.time(), "fingerprint": plan.fingerprint, "progress": progress})
