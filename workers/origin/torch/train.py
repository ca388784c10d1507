"""Trains the plan in a folder: python3 train.py <folder>. See workers/origin/README.md, "PyTorch"."""

import sys

from upriver_torch.main import main

sys.exit(main(sys.argv[1:]))
