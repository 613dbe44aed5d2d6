"""Run each benchmark of this folder, each in a process of its own: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Return the first exit code that is not 0."""
    codes = [
        subprocess.run([sys.executable, str(script)], cwd=HERE.parent, check=False).returncode
        for script in sorted(HERE.glob("bench_*.py"))
    ]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
