"""Where tests find the public benchmark data that is not part of the product."""

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """Return the path of one data file; the test is skipped, visibly, where it is absent."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("PYNASCENT_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not in {folder}: set PYNASCENT_TEST_DATA to the folder that has it")
    return folder / name
