"""What the wheel holds is what is on disk."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("envs", "agents", "trainers", "evaluation", "scripts")
_SOURCE = {*FOLDERS, "pyproject.toml", "README.md", "LICENSE"}

tomllib = pytest.importorskip("tomllib")


def test_every_package_on_disk_is_listed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        "pynascent." + ".".join(init.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    # The package's own module is a folder of scripts/, so that the root keeps to its five.
    assert found - {"pynascent.scripts.package"} | {"pynascent"} == set(settings["packages"])


def test_the_package_knows_its_version_and_runs_as_a_module(tmp_path):
    code = "import pynascent; print(pynascent.__version__)"
    run = {"capture_output": True, "text": True, "cwd": tmp_path}
    version = subprocess.run([sys.executable, "-c", code], check=True, **run).stdout.strip()
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    done = subprocess.run([sys.executable, "-m", "pynascent", "--version"], check=True, **run)
    assert done.stdout.strip() == f"pynascent {version}"
    missing = subprocess.run([sys.executable, "-c", "import pynascent; pynascent.nothing"], **run)
    assert missing.returncode and "no attribute 'nothing'" in missing.stderr


def test_a_wheel_holds_the_package_and_its_subpackages(tmp_path):
    pytest.importorskip("setuptools")
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    copy = tmp_path / "source"
    shutil.copytree(
        ROOT, copy, ignore=lambda folder, names: [n for n in names if n not in _SOURCE and folder == str(ROOT)]
    )
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"pynascent/__init__.py", "pynascent/__main__.py", "pynascent/scripts/cli/app.py"} <= names
    assert not any(name.startswith(("scripts/", "envs/", "pynascent/scripts/package/")) for name in names)
    code = "import pynascent, pynascent.envs; print(pynascent.__file__, pynascent.envs.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(wheel), *sys.path]!r}; {code}"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.count(str(wheel)) == 2


def seconds_of(statement: str, compiled: Path) -> float:
    """Return the processor seconds that a statement takes in a fresh interpreter, all compiled: the least of four."""
    code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    # A user compiles a module once; where bytecode is not written, each of these would compile all of ours again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = {"env": environment | {"PYTHONPYCACHEPREFIX": str(compiled)}, "check": True, "capture_output": True}
    return min(float(subprocess.run([sys.executable, "-c", code], **run).stdout) for _ in range(4))


def test_importing_the_environments_loads_no_framework():
    code = (
        "import pynascent.envs, sys; heavy = {'tensorflow', 'keras', 'ray', 'horovod', 'shap', 'lime', 'matplotlib'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "others = [m for m in sys.modules if m.startswith(('pynascent.agents', 'pynascent.trainers'))];"
        "assert not others, others"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_environments_costs_little_beside_gymnasium(tmp_path):
    # A ratio, since the machine may be busy: on an idle one it is 0.45 s, 0.1 s of it ours.
    gymnasium = seconds_of("import gymnasium, gymnasium.vector, numpy", tmp_path)
    assert seconds_of("import pynascent.envs", tmp_path) < 1.7 * gymnasium


@pytest.mark.parametrize("folder", ("agents", "trainers", "evaluation", "scripts"))
def test_importing_a_folder_loads_no_framework(folder):
    code = f"import pynascent.{folder}, sys; assert not {{'tensorflow', 'keras', 'ray', 'horovod'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
