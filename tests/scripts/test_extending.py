"""docs/extending.md: one module outside the project plugs every kind of component into every command."""

import json
import re
import shlex
from pathlib import Path

import pytest

from pynascent.trainers.store.evaluation_store import EvaluationStore

from support.command_line import run
from support.histories import history_rows

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
MODULE = re.search(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[1]
COMMANDS = re.search(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)[1].replace("\\\n", " ").splitlines()

EDITED = "drop = (before - call(without)[everyone, labels]) * (1 + part[0]) ** 2"


def test_the_module_is_short():
    assert len(MODULE.splitlines()) < 150


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with the module, in which every command of the page was run."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab.py").write_text(MODULE, encoding="utf-8")
    outputs = {}
    for command in COMMANDS:
        words = shlex.split(command)
        done = run(*words[1:], cwd=folder, data=folder / "data")
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        outputs[" ".join(words[1:3])] = done.stdout
    return folder, outputs


def rows(folder, name):
    return history_rows(folder / "runs" / name)


def test_every_component_was_used(lab):
    folder, _ = lab
    found = rows(folder, "rows")
    assert len(found) == 6 and {row["status"] for row in found} == {"ok"}
    assert all(0 <= row["calibration"] <= 1 and 0 <= row["isi"] <= 1 for row in found)
    best = json.loads((folder / "runs" / "rows" / "summary.json").read_text())["best"]
    assert best["calibration"] <= 0.6 and best["validation_accuracy"] > 0.5
    flags = rows(folder, "flags")
    assert len(flags) == 4 and all(row["status"] == "ok" for row in flags)
    assert (folder / "runs" / "flags" / "best.keras").is_file()
    assert list((folder / "runs" / "flags").glob("explain-*.png"))
    assert (folder / "runs" / "bench" / "report.html").is_file()


def test_nothing_stale_is_returned_once_a_component_is_edited(lab):
    folder, _ = lab
    store = EvaluationStore(folder / "data" / "stages.sqlite")
    before = store.counts()
    search = shlex.split(COMMANDS[0])[1:]
    again = [word if word != "runs/rows" else "runs/again" for word in search]
    assert run(*again, cwd=folder, data=folder / "data").returncode == 0
    assert store.counts() == before  # nothing was edited: nothing runs
    text = (folder / "lab.py").read_text()
    assert "drop = before - call(without)[everyone, labels]" in text
    (folder / "lab.py").write_text(text.replace("drop = before - call(without)[everyone, labels]", EDITED))
    edited = [word if word != "runs/rows" else "runs/edited" for word in search]
    assert run(*edited, cwd=folder, data=folder / "data").returncode == 0
    after = store.counts()
    # The module is one file: its loss, space and data might have changed as well, so all of it runs again.
    assert after["train"] == before["train"] + len({tuple(r["architecture"]) for r in rows(folder, "rows")})
    assert [r["isi"] for r in rows(folder, "edited")] != [r["isi"] for r in rows(folder, "rows")]
    store.close()
