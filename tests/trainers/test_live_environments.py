"""The live environments with their real evaluator: Gymnasium's checker, and the same run twice."""

import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import pynascent.envs  # noqa: F401  (registers the environments)
from pynascent.envs.testing import check_determinism


@pytest.mark.parametrize("formulation", ("Build", "Edit", "Propose"))
def test_live_environment_passes_gymnasiums_checker_and_repeats_itself(formulation, warm, tmp_path):
    evaluator = {"workers": 1, "store": str(tmp_path / "store.sqlite")}

    def make():
        return gymnasium.make(f"PyNASCENT/LiveDigits-{formulation}-v0", epochs=1, evaluator=evaluator).unwrapped

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make())
    check_determinism(make, steps=7)
