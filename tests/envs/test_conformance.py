"""Every registered environment passes the suite's own checks, scalar and vector."""

import gymnasium
import pytest

from pynascent.envs import registered_ids
from pynascent.envs.testing import check_search_environment, check_vector

from support.cost_evaluator import CostEvaluator

# Live tasks are judged by analytic cost here: what is checked is the environment. Real training goes
# through the same checks in tests/trainers.
CHEAP = {"evaluator": CostEvaluator(), "mu": 0.0}

VARIANTS = {
    "default": {},
    "masked": {"observation": "masked"},
    "structured": {"observation": "structured"},
    "resample": {"training_seed": "resample", "epochs": 1},
}


def live_ids():
    return [id for id in registered_ids() if id.startswith("PyNASCENT/Live")]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("id", live_ids())
def test_environment_passes_the_suites_checks(id, variant):
    check_search_environment(id, **CHEAP, **VARIANTS[variant])


def table_ids():
    return [id for id in registered_ids() if not id.startswith(("PyNASCENT/Live", "PyNASCENT/Table-"))]


@pytest.mark.parametrize("id", table_ids())
def test_table_environment_passes_the_suites_checks(id, real_tables):
    check_search_environment(id, render="Build" in id)
    check_search_environment(id, render=False, training_seed="mean", observation="masked")
    check_search_environment(id, render=False, training_seed="resample", lam=0.01)


@pytest.mark.parametrize("formulation", ("Build", "Edit", "Propose"))
def test_own_table_passes_the_suites_checks(formulation, real_tables):
    table = str(real_tables / "NASBenchMacro-CIFAR10.nastable")
    check_search_environment(f"PyNASCENT/Table-{formulation}-v0", table=table, render=False)
    with pytest.raises(ValueError, match="needs table="):
        gymnasium.make(f"PyNASCENT/Table-{formulation}-v0")


def test_a_missing_table_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="pynascent tables import"):
        gymnasium.make("PyNASCENT/NASBench201-CIFAR10-Build-v0")


def test_propose_with_chosen_epochs():
    check_search_environment("PyNASCENT/LiveDigits-Propose-v0", epochs="choose", **CHEAP)


def test_vector_rewards():
    objective = {"terms": {"accuracy": 1.0, "ln_flops": -1.0}, "vector": True}
    for id in live_ids():
        env = gymnasium.make(id, evaluator=CostEvaluator(), objective=objective)
        assert env.unwrapped.reward_space.shape == (2,)
        for mode in ("next_step", "same_step", "disabled"):
            check_vector(id, 40, 3, mode, {"evaluator": CostEvaluator(), "objective": objective})


def test_the_checks_notice_a_broken_environment():
    class Forgetful(CostEvaluator):
        """Scores drift from call to call, so that no rollout can be repeated."""

        def evaluate(self, architectures, epochs, seeds):
            result = super().evaluate(architectures, epochs, seeds)
            result.metrics["validation_accuracy"] = result.metrics["validation_accuracy"] * 0 + 1 / (
                1 + len(self.calls)
            )
            return result

    with pytest.raises(AssertionError, match=r"differ|deterministic|another environment|equivalent"):
        check_search_environment("PyNASCENT/LiveDigits-Propose-v0", evaluator=Forgetful(), mu=0.0)
