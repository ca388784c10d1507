"""Trains the plan in a folder: python3 train.py <folder>, once or in each of the processes that an engine starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import torch

from .files import write_array, write_json
from .fit import Fit, Stopped
from .plan import Plan, read_plan
from .processes import Processes

# The exit status of a training that a signal has interrupted: an engine starts it again, and it continues. One that the
# origin stops ends as if it were done, so that no engine starts it again.
INTERRUPTED = 75


def main(arguments: List[str]) -> int:
    """Trains, writes result.npy and result.json, and returns the exit status."""
    if len(arguments) != 1:
        print("Usage: train.py <folder with a plan.json>", file=sys.stderr)
        return 2
    plan = read_plan(Path(arguments[0]))
    if _has_result(plan):
        return 0
    processes = Processes(plan.device)
    try:
        fit = Fit(plan, processes)
        fit.resume()
        fit.run()
        if processes.is_first:
            _write_result(fit)
    except Stopped as stopped:
        return INTERRUPTED if stopped.by_signal else 0
    except SystemExit as error:
        if processes.is_first and isinstance(error.code, str):
            write_json(plan.folder / "failure.json", {"fingerprint": plan.fingerprint, "reason": error.code})
        raise
    processes.end()
    return 0


def _has_result(plan: Plan) -> bool:
    path = plan.folder / "result.json"
    return path.exists() and json.loads(path.read_text("utf8")).get("fingerprint") == plan.fingerprint


def _write_result(fit: Fit) -> None:
    folder, state = fit.plan.folder, fit.state
    parts = [own.detach().float().cpu().numpy().ravel() for own in fit.result()]
    write_array(folder / "result.npy", np.concatenate(parts).astype(np.float32))
    result: Dict[str, Any] = {
        "fingerprint": fit.plan.fingerprint,
        "history": state.history,
        "seconds": state.seconds,
        "validationLoss": state.best_loss,
        "isCutShort": state.is_cut_short,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(fit.device) if fit.device.type == "cuda" else "CPU",
        "precision": str(fit.half).replace("torch.", "") if fit.is_mixed else "float32",
        "processes": fit.processes.count,
        "peakBytes": state.peak_bytes,
    }
    # Written last: where it is, the training is done.
    write_json(folder / "result.json", result)
