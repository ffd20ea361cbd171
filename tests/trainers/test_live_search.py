"""An ask/tell agent over the real live evaluator: trials side by side, and the same search again from the store."""

from pynascent.agents import make_agent
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask

QUESTION = ("trial", "architecture", "epochs", "seed", "validation_accuracy", "reward", "cost_seconds", "clock_seconds")


def test_asha_trains_side_by_side_and_again_from_the_store(make_evaluator):
    def search(evaluations, order=()):
        task = SearchTask(make_evaluator(), Objective({"accuracy": 1.0, "ln_flops": -0.02}))
        env = SearchEnv(task, "propose", epochs="choose", training_seed="resample")
        return make_agent("asha").search(env, SearchBudget(evaluations), 3, order=order, parallelism=2)

    first = search(4)
    assert sorted(first.column("trial")) == [0, 1, 2, 3] and set(first.column("status")) == {"ok"}
    assert first.column("running").tolist() == [2, 2, 2, 1]
    assert len(set(first.column("seed"))) == 4
    again = search(5, first.column("trial").tolist())
    assert [[row[name] for name in QUESTION] for row in again][:4] == [
        [row[name] for name in QUESTION] for row in first
    ]
    assert again.rows[3]["ended_seconds"] < first.rows[3]["ended_seconds"]  # the store answered
