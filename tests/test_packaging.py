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


def seconds_of(statement: str) -> float:
    """Return the processor seconds that a statement takes in a fresh interpreter, the least of three."""
    code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(3)]
    return min(float(run.stdout) for run in runs)


def test_importing_the_environments_loads_no_framework():
    code = (
        "import pynascent.envs, sys; heavy = {'tensorflow', 'keras', 'ray', 'horovod', 'shap', 'lime', 'matplotlib'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "others = [m for m in sys.modules if m.startswith(('pynascent.agents', 'pynascent.trainers'))];"
        "assert not others, others"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_environments_costs_little_beside_gymnasium():
    # A ratio, since the machine may be busy: on an idle one it is 0.45 s, 0.1 s of it ours.
    assert seconds_of("import pynascent.envs") < 1.7 * seconds_of("import gymnasium, gymnasium.vector, numpy")


@pytest.mark.parametrize("folder", ("agents", "trainers", "evaluation", "scripts"))
def test_importing_a_folder_loads_no_framework(folder):
    code = f"import pynascent.{folder}, sys; assert not {{'tensorflow', 'keras', 'ray', 'horovod'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
