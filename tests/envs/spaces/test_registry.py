"""Spaces as plain JSON: names, import paths, and what is refused."""

import json
import sys

import pytest

from pynascent.envs.spaces import SPACES, ChainSpace, space_from_config, space_to_config

MODULE = '''
from pynascent.envs.spaces import ChainSpace

class Wide(ChainSpace):
    """The chain space with wider networks."""

    def __init__(self, width: int = 32) -> None:
        super().__init__(widths=(width,))
        self.width = width

    def config(self):
        return {"width": self.width}

not_a_space = 3
'''


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "spaces_of_a_user.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "spaces_of_a_user"
    sys.modules.pop("spaces_of_a_user", None)


def test_every_space_is_registered_under_its_own_name():
    for name, cls in SPACES.items():
        assert cls().name == name
        assert space_to_config(cls())["space"] == name


def test_a_users_space_travels_by_its_import_path(user_module):
    space = space_from_config({"space": f"{user_module}:Wide", "width": 24})
    config = json.loads(json.dumps(space_to_config(space)))
    assert config == {"space": "spaces_of_a_user:Wide", "width": 24}
    assert space_from_config(config) == space


@pytest.mark.parametrize("name", ["unheard", None, 3, "", ["chain"]])
def test_unknown_names_list_the_known_ones(name):
    with pytest.raises(ValueError, match=r"unknown.*: known are accel_nasbench, chain, mobile"):
        space_from_config({"space": name})


@pytest.mark.parametrize(
    "path", ["spaces_of_a_user:Missing", "no_such_module:Space", ":Space", "spaces_of_a_user:", "a..b:C"]
)
def test_paths_that_lead_nowhere_are_refused(user_module, path):
    with pytest.raises(ValueError, match=r"cannot import|has no Missing|give module:Class"):
        space_from_config({"space": path})


@pytest.mark.parametrize("path", ["spaces_of_a_user:not_a_space", "os:system", "pynascent.envs.spaces:Choice"])
def test_what_is_no_space_is_never_called(user_module, path):
    with pytest.raises(ValueError, match="name a subclass of SearchSpace"):
        space_from_config({"space": path})


def test_importing_can_be_refused(user_module):
    with pytest.raises(ValueError, match=f"add --allow-import {user_module}"):
        space_from_config({"space": f"{user_module}:Wide"}, allow_import=False)
    assert user_module not in sys.modules
    assert space_from_config({"space": "chain"}, allow_import=False) == ChainSpace()


def test_a_class_that_cannot_be_imported_is_not_written_down():
    class Local(ChainSpace):
        pass

    with pytest.raises(ValueError, match="no import path"):
        space_to_config(Local())
