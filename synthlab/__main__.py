"""The command ``synthlab``, and ``python -m synthlab``: a signal is answered from the start on."""

from __future__ import annotations

import json
import os
import signal


def main() -> None:
    """Load the command line and run it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopped_early)
    from synthlab.cli import main as run

    run()


def _stopped_early(number: int, _frame: object) -> None:
    # An exception would come up inside of whichever module is being loaded, and may be caught there.
    name = signal.Signals(number).name
    os.write(2, f"error: stopped by {name}. Nothing was begun.\n".encode())
    problem = {"code": "INTERRUPTED", "rule": f"stopped by {name}", "remedy": "Run the command again"}
    body = {"code": "INTERRUPTED", "exit_code": 128 + number, "problems": [problem]}
    os.write(1, (json.dumps({"command": "", "error": body}, indent=2) + "\n").encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
