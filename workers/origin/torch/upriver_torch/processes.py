"""The processes of a training: one, or several that torchrun or another engine has started."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, Dict, List, Optional

import torch
import torch.distributed as dist

_WATCH_SECONDS = 1.0


class Processes:
    """This process among those that train together."""

    def __init__(self, device: str) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.is_stopping = False
        self.device = _device_of(device)
        if self.count > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        _watch_starter()

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def part_of(self, rows: int) -> slice:
        """Returns the rows of a batch that this process computes."""
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Computes the mean over processes, in place."""
        if self.count > 1:
            dist.all_reduce(values)
            values /= self.count
        return values

    def total(self, numbers: List[float]) -> List[float]:
        """Adds up numbers over processes."""
        if self.count == 1:
            return numbers
        values = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(values)
        return [float(own) for own in values.cpu()]

    def shared(self, value: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        """Returns the value that the first process has."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, device=self.device)
        return values[0]

    def end(self) -> None:
        """Leaves the group of processes."""
        if self.count > 1:
            dist.destroy_process_group()

    def _stop(self, *_: object) -> None:
        # The training saves a checkpoint at its next step.
        self.is_stopping = True


def _device_of(choice: str) -> torch.device:
    has_cuda = torch.cuda.is_available()
    if choice == "cuda" and not has_cuda:
        raise SystemExit("The plan's device is 'cuda', and PyTorch finds no GPU. Install its driver, or train on 'cpu'.")
    if choice == "cpu" or not has_cuda:
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _watch_starter() -> None:
    """Ends this process when the one that started it on this machine is gone: nobody else would end it."""
    given = os.environ.get("UPRIVER_WATCH_PID")
    if not given:
        return
    starter = int(given)

    def watch() -> None:
        while True:
            try:
                os.kill(starter, 0)
            except ProcessLookupError:
                os._exit(1)
            except PermissionError:
                pass
            time.sleep(_WATCH_SECONDS)

    threading.Thread(target=watch, daemon=True).start()
