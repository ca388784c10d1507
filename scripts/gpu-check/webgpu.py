"""WebGPU in Node, where both are at hand: scripts/bench/trainee.ts trains the recipe's network on random images."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict

from prepared import Prepared

_SECONDS = 4


def measure_webgpu(root: Path, found: Prepared) -> Dict[str, Any]:
    """Measures examples per second, or says why it cannot."""
    node = shutil.which("node") or str(root / "node_modules/node/bin/node")
    if not Path(node).exists() or not (root / "node_modules/webgpu").exists():
        return {"missing": "no Node, or no npm package 'webgpu' (Dawn) in node_modules"}
    order = {
        **{"batch": found.training["batchSize"], "shape": [28, 28, 1], "layers": found.layers},
        **{"classes": found.classes, "learningRate": found.training["learningRate"], "rows": 4096},
    }
    command = [node, str(root / "scripts/bench/trainee.ts"), "webgpu", json.dumps(order)]
    try:
        done = subprocess.run(
            command, input=f"1\n{_SECONDS}\n", capture_output=True, text=True, timeout=300, cwd=root, check=False
        )
    except subprocess.TimeoutExpired:
        return {"missing": "it did not end within five minutes"}
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or "missing" in lines[0] or len(lines) < 3:
        return {"missing": lines[0].get("missing", done.stderr[-300:]) if lines else done.stderr[-300:]}
    adapter, is_software = lines[0]["ready"], lines[0]["isSoftware"]
    return {"adapter": adapter, "isSoftware": is_software, "examplesPerSecond": round(lines[-1]["examplesPerSecond"])}
