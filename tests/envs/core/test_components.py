"""References to components: resolving, permissions, keys."""

import subprocess
import sys

import pytest

from pynascent.envs.core.components import Registry, differing_settings
from pynascent.envs.core.imports import CodePath, import_reference
from pynascent.envs.core.provenance import provenance, reference_of


class Blur:
    def __init__(self, width: int = 3, kernel: str = "box", sizes: tuple[int, ...] = (1, 2)) -> None:
        self.width = width


@pytest.fixture
def registry():
    return Registry("filter", {"blur": Blur})


@pytest.fixture
def outside(tmp_path, monkeypatch, request):
    """A folder with a module of its own name, which imports another beside it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"outside_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}_helper.py").write_text("DEPTH = 1\n")
    (tmp_path / f"{name}.py").write_text(
        f"from {name}_helper import DEPTH\n\nclass Mine:\n"
        "    def __init__(self, depth=DEPTH):\n        self.depth = depth\n"
    )
    return tmp_path, name


def test_short_names_references_and_objects(registry, outside):
    _, name = outside
    assert registry.resolve("blur") is Blur
    assert registry.resolve(Blur) is Blur
    assert registry.make({"component": f"{name}:Mine", "settings": {"depth": 4}}).depth == 4
    assert registry.make("blur").width == 3


def test_a_file_is_a_reference_too(registry, outside):
    folder, name = outside
    assert registry.resolve(f"{folder / name}.py:Mine").__name__ == "Mine"


@pytest.mark.parametrize(
    ("component", "message"),
    [
        ("blurr", "did you mean 'blur'"),
        ("no_such_module_here:X", "cannot import no_such_module_here"),
        ("json:Nothing", "has no Nothing"),
        (":X", "give module:Class"),
        ({"component": "blur", "settings": {"widht": 2}}, "no setting 'widht' .did you mean 'width'"),
        ({"component": "blur", "set": {}}, "give a name"),
        ({"component": 3}, "give a name"),
    ],
)
def test_what_does_not_fit_is_one_line(registry, component, message):
    with pytest.raises(ValueError, match=message) as error:
        registry.make(component)
    assert "\n" not in str(error.value)


def test_a_received_reference_imports_nothing_unless_its_module_was_named(registry, outside):
    _, name = outside
    for imports in (False, (), ("another",)):
        with pytest.raises(ValueError, match=f"--allow-import {name}"):
            registry.resolve(f"{name}:Mine", imports)
    assert name not in sys.modules
    assert registry.resolve(f"{name}:Mine", (name,)).__name__ == "Mine"


def test_the_packages_own_modules_may_always_be_imported(registry):
    assert registry.resolve("pynascent.envs.core.components:Registry", False) is Registry


def test_two_components_do_not_share_a_name(registry):
    registry.register("blur", Blur)
    with pytest.raises(ValueError, match="registered already"):
        registry.register("blur", Registry)
    with pytest.raises(ValueError, match="colon"):
        registry.register("a:b", Blur)


def test_only_settings_that_differ_from_the_defaults_count():
    assert differing_settings(Blur, {"width": 3, "kernel": "box", "sizes": [1, 2]}) == {}
    assert differing_settings(Blur, {"width": 4, "sizes": [2]}) == {"width": 4, "sizes": [2]}
    assert differing_settings(Blur, {"width": True}) == {"width": True}


def test_code_from_outside_is_identified_by_its_source_and_by_what_it_imports(outside):
    folder, name = outside
    mine = import_reference(f"{name}:Mine")
    before = provenance(mine)
    assert before == provenance(mine()) and "source" in before
    (folder / f"{name}_helper.py").write_text("DEPTH = 3\n")
    helper_changed = provenance(mine)
    (folder / "unrelated.py").write_text("X = 1\n")
    assert before != helper_changed == provenance(mine)
    mine.version = "2026-01"
    assert provenance(mine) == {"version": "2026-01"}
    assert provenance(Registry) == {}
    assert reference_of(mine()) == f"{name}:Mine"


def test_another_process_finds_the_modules(outside):
    folder, name = outside
    import_reference(f"{name}:Mine")
    code = (
        "from pynascent.envs.core.imports import CodePath, import_reference; "
        f"CodePath({CodePath.here().folders!r}).follow()"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(import_reference('{name}:Mine')().depth)"],
        capture_output=True, text=True, cwd="/", check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "1"
    assert str(folder) in CodePath.here().folders


def test_a_module_that_cannot_be_followed_is_one_line():
    with pytest.raises(ValueError, match="cannot import nowhere_at_all"):
        CodePath((), ("nowhere_at_all",)).follow()
