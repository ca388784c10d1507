# PyTorch under the training bench: the same network, batch, optimiser and precision (float32, no TF32).
# Run by scripts/bench/train.ts: python3 scripts/bench/trainee.py '{"batch": 64, ...}'
import json
import sys
import time


def say(line):
    print(json.dumps(line), flush=True)


try:
    import torch
    from torch import nn
except ImportError as error:
    say({"missing": f"python3 has no torch ({error})"})
    sys.exit(0)

bench = json.loads(sys.argv[1])
torch.manual_seed(1)
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

height, width, channels = bench["shape"]
layers = []
size = [height, width]
flat = False
for plan in bench["layers"]:
    if plan["type"] == "conv":
        layers += [nn.Conv2d(channels, plan["filters"], plan["size"], padding="same"), nn.ReLU()]
        channels = plan["filters"]
    elif plan["type"] == "pool":
        layers.append(nn.MaxPool2d(plan["size"]))
        size = [side // plan["size"] for side in size]
    else:
        if not flat:
            layers.append(nn.Flatten())
            channels, flat = channels * size[0] * size[1], True
        layers += [nn.Linear(channels, plan["units"]), nn.ReLU()]
        channels = plan["units"]
network = nn.Sequential(*layers, nn.Linear(channels, bench["classes"])).to(device)
adam = torch.optim.Adam(network.parameters(), lr=bench["learningRate"])
rows, batch = bench["rows"], bench["batch"]
height, width, channels = bench["shape"]
images = torch.rand(rows, channels, height, width)
labels = torch.randint(bench["classes"], (rows,))


def train_for(seconds):
    started = time.perf_counter()
    steps, at = 0, 0
    while time.perf_counter() - started < seconds:
        for _ in range(8):
            # From the host's memory each time, as the other contenders do.
            chosen = torch.arange(at, at + batch) % rows
            at += batch
            loss = nn.functional.cross_entropy(network(images[chosen].to(device)), labels[chosen].to(device))
            adam.zero_grad()
            loss.backward()
            adam.step()
            steps += 1
        last = loss.item()
    return {"examplesPerSecond": steps * batch / (time.perf_counter() - started), "loss": last}


say({"ready": torch.cuda.get_device_name() if device.type == "cuda" else "CPU", "isSoftware": False})
for line in sys.stdin:
    say(train_for(float(line)))
