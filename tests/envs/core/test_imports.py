"""Who may import what, for a reference that a file holds."""

import sys

import pytest

from pynascent.envs.core.components import Registry
from pynascent.envs.core.imports import import_reference, may_import, permitted_imports
from pynascent.envs.spaces import space_from_config


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that leaves a mark when it is imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "marks_itself.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"
        "class Thing:\n    class Inner:\n        pass\n"
    )
    yield "marks_itself"
    sys.modules.pop("marks_itself", None)


@pytest.mark.parametrize(
    "permitted", (False, [], ["marks"], ["marks_itself.deeper"], ["marks_itself_too"], ["other.py", "json"])
)
def test_what_was_not_permitted_is_not_imported_whoever_asks(permitted, module, tmp_path):
    with permitted_imports(permitted):
        for ask in (
            lambda: import_reference(f"{module}:Thing"),
            lambda: import_reference(f"{tmp_path}/{module}.py:Thing"),
            lambda: Registry("thing").make({"component": f"{module}:Thing", "settings": {}}),
            lambda: space_from_config({"space": f"{module}:Thing"}, allow_import=True),
        ):
            with pytest.raises(ValueError, match=r"add --allow-import .*marks_itself"):
                ask()
    assert not (tmp_path / "imported").exists()
    assert import_reference(f"{module}:Thing.Inner").__name__ == "Inner"  # the block is over
    assert (tmp_path / "imported").exists()


@pytest.mark.parametrize("permitted", (True, ["marks_itself"], ["./marks_itself.py"]))
def test_what_was_permitted_is_imported(permitted, module, tmp_path):
    with permitted_imports(permitted):
        assert import_reference(f"{module}:Thing").__name__ == "Thing"


def test_a_package_permits_what_is_in_it():
    with permitted_imports(["xml"]):
        assert may_import("xml.dom") and may_import("xml") and not may_import("xmlrpc") and not may_import("os")
        with pytest.raises(ValueError, match=r"add --allow-import xml\.dom"):
            import_reference("xml.dom:Node", imports=["json"])  # the narrower of the two counts


@pytest.mark.parametrize(
    "reference",
    (
        "pynascent.evaluation.optional:import_module",
        "pynascent.envs.core.imports:import_outside",
        "pynascent.envs.core.imports:importlib.import_module",
        "pynascent.scripts.files:os.system",
    ),
)
def test_a_file_from_elsewhere_names_no_functions_of_ours(reference):
    with permitted_imports(False), pytest.raises(ValueError, match="may name classes of pynascent"):
        import_reference(reference)
    with pytest.raises(ValueError, match="may name classes of pynascent"):
        import_reference(reference, imports=False)
    with permitted_imports(False):
        assert import_reference("pynascent.envs.spaces.chain:ChainSpace").__name__ == "ChainSpace"
