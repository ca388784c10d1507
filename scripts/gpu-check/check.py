"""Measures a GPU with the origin's own PyTorch program, and prints JSON: python3 scripts/gpu-check/check.py > gpu.json

It needs python3 with torch and numpy, this folder and workers/origin/torch; no network and no Node. See README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workers/origin/torch"), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from plans import CheckNetwork, networks_of, write_plan, write_rows  # noqa: E402
from prepared import Prepared, read_or_make  # noqa: E402
from upriver_torch.fit import Fit  # noqa: E402
from upriver_torch.plan import read_plan  # noqa: E402
from upriver_torch.processes import Processes  # noqa: E402
from webgpu import measure_webgpu  # noqa: E402


def main() -> None:
    """Trains each network on each device, and prints what was measured."""
    options = _options()
    started = time.time()
    found = read_or_make(Path(options.set), options.rows)
    devices = [own for own in ("cuda", "cpu") if own == "cpu" or torch.cuda.is_available()]
    runs: List[Dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for device in devices:
            limit = options.rows if device == "cuda" else options.cpu_rows
            epochs = options.epochs if device == "cuda" else options.cpu_epochs
            for network in networks_of(found):
                # A step of the wider network costs a CPU twenty times as much.
                count = limit // 4 if network.name == "wide" and device == "cpu" else limit
                rows = write_rows(folder / device, found, count)
                for precision in ("auto", "float32") if device == "cuda" else ("float32",):
                    own = write_plan(folder / device, rows, network, epochs, device, precision)
                    _say(f"{network.name} on {device} ({precision}), {rows.trained} rows, {epochs} epochs")
                    runs.append({**_run(own, network, found), "rows": rows.trained, "epochs": epochs})
    report = {
        "machine": _machine(),
        "set": {"source": found.source, "rows": len(found.train.labels), "validationRows": len(found.test.labels)},
        "wasm": found.wasm,
        "runs": runs,
        "webgpu": None if options.no_webgpu else measure_webgpu(ROOT, found),
        "seconds": round(time.time() - started, 1),
    }
    print(json.dumps(report, indent=2))


def _run(folder: Path, network: CheckNetwork, found: Prepared) -> Dict[str, Any]:
    """Trains a network, and looks at its accuracy after each epoch."""
    plan = read_plan(folder)
    accuracies: List[float] = []
    seconds: List[float] = []
    spent = [0.0]

    def on_epoch(fit: Fit) -> None:
        began = time.perf_counter()
        seconds.append(began - start - spent[0])
        accuracies.append(_accuracy(fit))
        spent[0] += time.perf_counter() - began

    fit = Fit(plan, Processes(plan.device), on_epoch)
    if fit.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        _warm_up(fit)
    start = time.perf_counter()
    fit.run()
    trained = fit.train.rows * len(accuracies)
    best = int(np.argmin([epoch["validationLoss"] for epoch in fit.state.history]))
    target = None if found.wasm is None else float(found.wasm["accuracy"])
    return {
        "network": network.name,
        "parameters": network.parameters,
        "batch": plan.schedule.batch_size,
        "device": torch.cuda.get_device_name() if fit.device.type == "cuda" else "CPU",
        "precision": str(fit.half).replace("torch.", "") if fit.is_mixed else "float32",
        "examplesPerSecond": round(trained / seconds[-1]),
        "accuracy": round(accuracies[best], 4),
        "validationLoss": round(float(fit.state.history[best]["validationLoss"]), 4),
        "peakBytes": _peak_bytes(fit),
        "secondsToWasmAccuracy": _seconds_to(target, accuracies, seconds),
    }


def _warm_up(fit: Fit) -> None:
    """Compiles kernels, without training: the losses of some rows."""
    with torch.no_grad():
        fit.trainee.served_loss(fit.validation.batch(np.arange(64), slice(0, 64), fit.places), [], None).item()


def _accuracy(fit: Fit) -> float:
    right = 0
    with torch.no_grad():
        for start in range(0, fit.validation.rows, 512):
            indexes = np.arange(start, min(fit.validation.rows, start + 512))
            batch = fit.validation.batch(indexes, slice(0, len(indexes)), fit.places)
            logits = fit.network.members(fit.network.embed(batch.values, [], None, batch.place)).mean(1)
            right += int((logits.argmax(1) == batch.targets.argmax(1)).sum())
    return right / fit.validation.rows


def _seconds_to(target: Optional[float], accuracies: List[float], seconds: List[float]) -> Optional[float]:
    if target is None:
        return None
    reached = [own for accuracy, own in zip(accuracies, seconds) if accuracy >= target]
    return round(reached[0], 1) if reached else None


def _peak_bytes(fit: Fit) -> int:
    if fit.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    # Of the whole process so far, in KiB on Linux and in bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _machine() -> Dict[str, Any]:
    has_cuda = torch.cuda.is_available()
    return {
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if has_cuda else [],
        "isGpuMeasured": has_cuda,
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="measure a GPU with the origin's PyTorch program")
    parser.add_argument("--set", default=str(Path(__file__).resolve().parent / "set"), help="the folder of the prepared set")
    parser.add_argument("--rows", type=int, default=40_000, help="rows trained on CUDA")
    parser.add_argument("--epochs", type=int, default=8, help="epochs on CUDA")
    parser.add_argument("--cpu-rows", type=int, default=2_000, help="rows trained on the CPU, which is slower")
    parser.add_argument("--cpu-epochs", type=int, default=2, help="epochs on the CPU")
    parser.add_argument("--no-webgpu", action="store_true", help="leave WebGPU out where Node has it")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
