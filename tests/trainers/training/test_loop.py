"""Training itself, in a process set up as a worker is."""

import numpy as np
import pytest

from support.training_process import final_weights, graphs_kept, train, train_with_keras, training_process

CONVOLUTIONS = (4, 3, 2, 5, 1, 0)


@pytest.fixture(scope="module")
def process():
    with training_process() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


@pytest.fixture(scope="module")
def three_epochs(process):
    return process(train, CONVOLUTIONS, 3, seed=7)


def results(run):
    return {name: value for name, value in run.items() if name != "seconds"}


def test_twice_the_same_bits_in_one_process_and_in_another(process, three_epochs):
    assert results(process(train, CONVOLUTIONS, 3, seed=7)) == results(three_epochs)
    with training_process() as fresh:
        assert results(fresh.submit(train, CONVOLUTIONS, 3, 7).result()) == results(three_epochs)


def test_what_a_process_trained_before_does_not_matter(process, three_epochs):
    process(train, (5, 1, 0, 2, 0, 1), 1, seed=0)
    assert results(process(train, CONVOLUTIONS, 3, seed=7)) == results(three_epochs)


def test_the_seed_matters(process, three_epochs):
    assert process(train, CONVOLUTIONS, 3, seed=8)["checkpoints"][-1] != three_epochs["checkpoints"][-1]


def test_a_short_training_is_the_beginning_of_a_long_one(process, three_epochs):
    one = process(train, CONVOLUTIONS, 1, seed=7, cycles=3)
    assert one["losses"] == three_epochs["losses"][:1]
    assert one["checkpoints"][-1] == three_epochs["checkpoints"][2]  # 3 of 9 checkpoints of 3 epochs


def test_it_learns(process):
    run = process(train, (5, 5, 5, 5, 1, 1), 9, seed=0)
    assert run["status"] == "OK"
    assert len(run["checkpoints"]) == len(set(run["checkpoints"])) == 9
    assert len(run["losses"]) == 9 and run["losses"][-1] < 0.2 < run["losses"][0]
    assert run["validation_accuracy"] > 0.85 and run["test_accuracy"] > 0.85
    assert run["seconds"] > 0


def test_one_epoch_tells_a_network_from_chance(process):
    assert process(train, (5, 5, 5, 5, 1, 1), 1, seed=0)["validation_accuracy"] > 0.2


@pytest.mark.parametrize("recipe", [{}, {"optimizer": "sgd", "learning_rate": 0.05}], ids=["adamw", "sgd"])
def test_it_computes_what_keras_computes(process, recipe):
    ours = process(final_weights, CONVOLUTIONS, 1, 3, **recipe)
    keras = process(train_with_keras, CONVOLUTIONS, 1, 3, **recipe)
    for a, b in zip(ours, keras, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_a_loss_that_explodes_is_a_diverged_training(process):
    run = process(train, CONVOLUTIONS, 9, seed=0, learning_rate=1e30)
    assert run["status"] == "DIVERGED"
    assert run["checkpoints"] == [] and run["validation_accuracy"] == 0
    assert len(run["losses"]) == 1 and not np.isfinite(run["losses"][0])  # it stopped at once


def test_label_smoothing_raises_the_loss_that_can_be_reached(process, three_epochs):
    assert process(train, CONVOLUTIONS, 3, seed=7, label_smoothing=0.5)["losses"][-1] > three_epochs["losses"][-1]


def test_a_warm_process_keeps_nothing_of_its_candidates(process):
    assert process(graphs_kept, CONVOLUTIONS) == 0
