"""The command ``pynascent``, run in the test's own process, or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pynascent.scripts.cli.app import main


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run ``pynascent ARGUMENTS`` and return its exit status."""
    monkeypatch.setattr("sys.argv", ["pynascent", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code is None or isinstance(stop.value.code, int)
    return stop.value.code or 0


def run(*arguments: object, cwd: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run ``pynascent ARGUMENTS`` as a process of its own, in a folder, with a data folder."""
    environment = {**os.environ, "PYNASCENT_DATA": str(data), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pynascent", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=500)
