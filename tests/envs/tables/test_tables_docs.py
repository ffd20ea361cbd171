"""Everything that docs/tables.md shows is run as it stands there."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pynascent.envs.tables import TableEvaluator
from pynascent.envs.tables.importers import KINDS, ImportRequest, import_tables
from pynascent.envs.tables.importers.own.schema import UNITS
from pynascent.scripts.cli.tables import app

TEXT = (Path(__file__).parents[3] / "docs" / "tables.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.M | re.S)


def test_own_results(data_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (schema,), (results,) = blocks("toml"), blocks("csv")
    Path("schema.toml").write_text(schema)
    Path("results.csv").write_text(results)
    commands = blocks("sh")[-1].split("\n")
    for command in filter(None, commands):
        program, group, *arguments = command.split()
        assert (program, group) == ("pynascent", "tables")
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    evaluator = TableEvaluator("MyTable")
    assert evaluator.column("validation_accuracy").round(6).tolist() == [0.814, 0.64, 0.883, 0.704]
    assert evaluator.column("flops").tolist() == [2.5e7, 8.2e6, 5e7, 1.64e7]
    assert evaluator.column("cost_seconds", 10).tolist() == [90, 66, 174, 120]


def test_python(data_home, real_data, capsys):
    cells = real_data / "transnasbench101_micro.npz"
    list(import_tables("nasbench201-npz", ImportRequest([real_data / "nasbench201.npz"])))
    if cells.is_file():
        list(import_tables("transnasbench101", ImportRequest([cells])))
    names = {}
    for code in blocks("python"):
        if cells.is_file() or "TransNAS" not in code:
            exec(code, names)
    if cells.is_file():
        shown = capsys.readouterr().out
        assert "ClassObject: rank correlation 0." in shown and "Autoencoder: rank correlation 0." in shown
    assert (data_home / "tables" / "Random.nastable").is_file()


@pytest.mark.parametrize("word", [*KINDS, *(unit for unit in UNITS if unit != "%")])
def test_every_kind_and_unit_is_there(word):
    assert f"`{word}`" in TEXT
