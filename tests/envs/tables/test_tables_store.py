"""Where tables are looked for: by name in two places and nowhere else, or by path."""

from pathlib import Path

import pytest

from pynascent.envs.tables import (
    MissingTableError,
    TableError,
    TableEvaluator,
    data_folder,
    find_table,
    finding,
    list_tables,
    open_table,
    own_path,
)


def test_the_folder_can_be_chosen(data_home, monkeypatch):
    assert data_folder() == data_home / "tables"
    monkeypatch.delenv("PYNASCENT_DATA")
    assert data_folder().parts[-2:] == ("pynascent", "tables")
    assert not data_home.exists()  # looking creates nothing


def test_tables_are_found_by_name_and_by_path(known, data_home, tmp_path):
    assert list_tables() == [entry for entry in list_tables() if entry.embedded]
    known.data().write(own_path("mine"))
    assert find_table("mine") == data_home / "tables" / "mine.nastable"
    assert [(entry.name, entry.embedded) for entry in list_tables() if not entry.embedded] == [("mine", False)]
    assert TableEvaluator("mine").table.header.name == "known"
    other = known.data().write(tmp_path / "elsewhere.nastable").path
    assert find_table(other) == other == find_table(str(other))
    assert open_table(other).header.rows == 72


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a..b", "a\0b", "a b", "ü", "x" * 65, "a."]
)
def test_names_are_never_paths(data_home, name):
    with pytest.raises(TableError):
        own_path(name)
    with pytest.raises(TableError):
        open_table(name)
    assert not data_home.exists()


def test_a_missing_table_says_how_to_get_it(data_home):
    with pytest.raises(MissingTableError, match="pynascent tables import nats-bench NATS-tss"):
        open_table("NASBench201-CIFAR100")
    with pytest.raises(
        MissingTableError, match=r"pynascent tables import nas-bench-macro nas-bench-macro_cifar10\.json"
    ):
        TableEvaluator("NASBenchMacro-CIFAR10")
    with pytest.raises(MissingTableError, match="pynascent tables import KIND FILE"):
        open_table("unheard-of")
    with pytest.raises(MissingTableError, match=r"there is no table file .*x\.nastable"):
        open_table("x.nastable")


def test_every_command_named_is_a_kind():
    from pynascent.envs.tables.importers import KINDS

    assert all(command.split()[0] in KINDS for command in finding.GETTING.values())


def test_the_packages_own_tables_come_first(known, data_home, tmp_path, monkeypatch):
    embedded = tmp_path / "package"
    monkeypatch.setattr(finding, "EMBEDDED", embedded)
    known.data().write(own_path("digits"))
    inside = known.data().write(embedded / "digits.nastable").path
    assert find_table("digits") == inside
    assert [(entry.name, entry.embedded) for entry in list_tables()] == [("digits", True)]
    with pytest.raises(TableError, match="comes with the package"):
        own_path("digits")


def test_a_folder_without_tables_and_other_files_are_passed_over(data_home):
    folder = data_folder()
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("x")
    (folder / "dir.nastable").mkdir()
    (folder / ".hidden.nastable").write_bytes(b"")
    assert [entry for entry in list_tables() if not entry.embedded] == []
    assert Path(finding.EMBEDDED).name == "data"
