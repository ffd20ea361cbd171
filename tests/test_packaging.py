"""What the wheel holds is what is on disk."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("envs", "agents", "trainers", "evaluation", "scripts")

tomllib = pytest.importorskip("tomllib")


def test_every_package_on_disk_is_listed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        "pynascent." + ".".join(init.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(settings["packages"])


def test_importing_the_environments_is_light():
    code = (
        "import time; start = time.process_time(); import pynascent.envs; took = time.process_time() - start;"
        "import sys; heavy = {'tensorflow', 'keras', 'ray', 'horovod', 'shap', 'lime', 'matplotlib', 'pandas'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "others = [m for m in sys.modules if m.startswith(('pynascent.agents', 'pynascent.trainers'))];"
        "assert not others, others; print(took)"
    )
    # Processor time, which other processes on the machine do not lengthen as they do the wall clock.
    times = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.7, times


@pytest.mark.parametrize("folder", ("agents", "trainers", "evaluation", "scripts"))
def test_importing_a_folder_loads_no_framework(folder):
    code = f"import pynascent.{folder}, sys; assert not {{'tensorflow', 'keras', 'ray', 'horovod'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
