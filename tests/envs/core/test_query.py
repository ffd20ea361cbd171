"""A task as a plain function, names in any case, fidelities by name, visible metrics and directions."""

import json

import gymnasium
import numpy as np
import pytest

from pynascent.envs import METRICS, Evaluation, Fidelity, Metric, Objective, SearchTask, make_task, query
from pynascent.envs.core.quantities.fidelity import as_fidelities, parse_fidelity

from support.cost_evaluator import CostEvaluator


def test_a_loop_of_ones_own_is_three_lines():
    task = make_task("digits")  # the table's name, the task's in another case
    for architecture in task.space.sample(np.random.default_rng(0), 3):
        found = task.query(architecture, epochs=9)
        assert json.loads(json.dumps(found)) == found and found["epochs"] == 9 and "test_accuracy" in found
        space = task.space
        for same in (space.to_string(architecture), space.options(architecture), architecture.tolist()):
            assert query(task, same, epochs={"epochs": 9}) == found
        plain = query(task.evaluator, architecture, epochs="epochs=9")
        assert plain == {name: value for name, value in found.items() if name not in ("reward", "violation")}


def test_scalars_broadcast_and_batches_are_lists():
    task = make_task("Digits")
    rows = task.space.sample(np.random.default_rng(0), 3)
    batch = task.query(rows, seed=-1)
    assert batch["validation_accuracy"] == [task.query(row, seed=-1)["validation_accuracy"] for row in rows]
    curve = task.query(rows[0], epochs=[1, 3, 9, 27])
    assert curve["epochs"] == [1, 3, 9, 27] and len(set(curve["validation_accuracy"])) > 1
    with pytest.raises(ValueError, match="3 architectures, 2 epochs and 1 seeds"):
        task.query(rows, epochs=[1, 3])
    with pytest.raises(ValueError, match=r"seed=0\.5"):
        task.query(rows[0], seed=0.5)


def test_names_nearly_right_are_suggested():
    with pytest.raises(ValueError, match="did you mean 'Digits'"):
        make_task("Digist")


def test_fidelities_have_names_an_order_and_plain_forms():
    nine = Fidelity(value=np.int64(9))
    assert str(nine) == "epochs=9" and nine.to_config() == {"epochs": 9} and nine > Fidelity(value=3)
    for form in (nine, 9, "9", "epochs=9", {"epochs": 9}):
        assert parse_fidelity(form) == nine
    assert parse_fidelity("data_share=0.25") == Fidelity("data_share", 0.25)
    with pytest.raises(ValueError, match="two kinds"):
        assert nine < Fidelity("resolution", 32)
    for wrong in (float("nan"), 0, -1, True, "much", {"epochs": 1, "share": 2}, None, [9]):
        with pytest.raises(ValueError, match="fidelity"):
            parse_fidelity(wrong)


def test_evaluators_take_named_fidelities_and_refuse_others_in_one_line():
    task = make_task("Digits")
    assert as_fidelities(task.evaluator, [Fidelity(value=9), 3, "epochs=1"]).tolist() == [9, 3, 1]
    row = task.space.from_index([5, 6])
    named = task.evaluator.evaluate(row, [Fidelity(value=9), Fidelity(value=3)], np.zeros(2, np.int64))
    plain = task.evaluator.evaluate(row, np.array([9, 3]), np.zeros(2, np.int64))
    assert named["validation_accuracy"].tolist() == plain["validation_accuracy"].tolist()
    with pytest.raises(ValueError, match="epochs=2: the evaluator's fidelities are 1, 3, 9, 27"):
        as_fidelities(task.evaluator, [2])
    with pytest.raises(ValueError, match=r"data_share=0\.5: this evaluator's fidelities are epochs"):
        as_fidelities(task.evaluator, "data_share=0.5", 3)
    env = gymnasium.make("PyNASCENT/Digits-Propose-v0", epochs={"epochs": 9})
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[4]["epochs"] == 9
    with pytest.raises(ValueError, match="fidelities are 1, 3, 9, 27"):
        gymnasium.make("PyNASCENT/Digits-Propose-v0", epochs={"resolution": 9})


class Loss(CostEvaluator):
    """A search metric of which less is better, and a metric that the suite does not know."""

    search_metric = "validation_loss"

    def __init__(self):
        super().__init__()
        self.metrics = {
            "validation_loss": Metric("validation_loss", "nats", "validation"),
            "flops": METRICS["flops"],
            "energy_mj": Metric("energy_mj", "mJ"),
            "test_loss": Metric("test_loss", "nats", "test"),
        }

    def evaluate(self, architectures, epochs, seeds):
        plain = super().evaluate(architectures, epochs, seeds)
        loss = 1.0 - plain["validation_accuracy"]
        columns = {"validation_loss": loss, "flops": plain["flops"], "energy_mj": 2 * plain["flops"], "test_loss": loss}
        return Evaluation(plain.status, plain.epochs, plain.seed, columns, plain.cost_seconds)


def test_a_metric_of_which_less_is_better_is_minimised_and_every_metric_is_visible():
    task = SearchTask(Loss(), Objective({"accuracy": 1.0}), "validation_loss")
    assert task.visible_metrics == ("validation_loss", "flops", "energy_mj")
    rows = task.space.sample(np.random.default_rng(0), 50)
    with task.search() as history:
        _, rewards = task.evaluate(rows, np.full(50, 27), np.zeros(50, np.int64))
    losses = history.column("validation_loss")
    assert rewards.tolist() == (-losses).tolist() and history.best()["validation_loss"] == losses.min()
    with pytest.raises(ValueError, match="constrain 'validation_loss' itself"):
        Objective({"flops": -1.0}, ["accuracy>=0.5"]).bind(Loss().metrics, "validation_loss")


def test_metrics_say_what_is_better_and_show_their_unit():
    loss, accuracy = Loss().metrics["validation_loss"], METRICS["validation_accuracy"]
    assert (loss.sign, accuracy.sign) == (-1, 1) and loss.better(0.1, 0.2) and accuracy.better(0.2, 0.1)
    values = np.array([0.3, np.nan, 0.2, 0.5])
    assert (loss.best(values), accuracy.best(values)) == (0.2, 0.5)
    assert loss.best_so_far(values).tolist() == [0.3, 0.3, 0.2, 0.2]
    assert loss.text(0.31068) == "0.31068 nats" and accuracy.text(0.942) == "94.20 %"
    assert METRICS["isi"].text(0.5) == "0.5" and loss.label == "validation loss (nats)"
