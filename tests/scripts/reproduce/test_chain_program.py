"""The compiled program computes what the ordinary Keras candidate computes."""

from functools import cache

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

from pynascent.envs.spaces import ChainSpace
from pynascent.evaluation.explainers import make_explainer
from pynascent.evaluation.metrics.isi import explain_checkpoints, normalise_maps
from pynascent.evaluation.metrics.similarity import ssim
from pynascent.scripts.reproduce.nas_digits.chain_program import ChainProgram
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.keras.builder import build_model
from pynascent.trainers.keras.initial_weights import initial_weights
from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.training.loop import train_candidate

from support.training_process import accuracy

SPACE = ChainSpace()
SEED = 3
# Plain gradient steps do not magnify rounding; Adam's first steps divide a gradient by its own size.
RECIPES = {
    "sgd": (TrainingConfiguration(optimizer="sgd", learning_rate=0.01, fidelities=(1,)), 1e-4),
    "adamw": (TrainingConfiguration(fidelities=(1,)), 1e-3),
}


@cache
def program(optimizer: str, width: int) -> ChainProgram:
    return ChainProgram(SPACE, width, load_dataset("digits"), RECIPES[optimizer][0])


def random_rows(count: int) -> np.ndarray:
    return SPACE.canonical(SPACE.sample(np.random.default_rng(11), count))


@pytest.mark.parametrize("row", random_rows(20), ids=SPACE.to_string)
def test_same_losses_and_attributions_as_the_keras_candidate(row):
    recipe, _ = RECIPES["sgd"]
    dataset = load_dataset("digits")
    compiled = program("sgd", SPACE.widths[row[-1]]).train(row, SEED)
    network = SPACE.network(row)
    ordinary = train_candidate(network, dataset, recipe, 1, SEED)
    assert compiled.losses == pytest.approx(ordinary.losses, abs=1e-4)
    # Logits agree to about 1e-3; after one epoch every tenth image is closer to the border than 1e-2.
    assert compiled.validation_accuracy[-1] == pytest.approx(
        accuracy(ordinary.validation_logits, "validation"), abs=0.02
    )
    assert compiled.test_accuracy[-1] == pytest.approx(accuracy(ordinary.test_logits, "test"), abs=0.02)
    maps = explain_checkpoints(
        build_model(network, seed=0),
        ordinary.checkpoints,
        dataset.probe.images,
        dataset.probe.labels,
        make_explainer("gradient_x_input"),
    )
    # After one step the weights are the same to rounding, and so is every map (but where the maximum of a
    # pooling window is all but a tie); from step to step rounding grows.
    first = np.abs(compiled.maps[1][0] - maps[0])
    assert (first > 1e-3 * np.abs(maps[0]).max()).mean() < 0.005
    alike = ssim(normalise_maps(compiled.maps[1])[0], normalise_maps(maps)[0])
    assert alike[0].mean() > 0.9999
    assert alike.mean() > 0.999
    assert np.isfinite(compiled.maps[1]).all() and np.abs(maps).max() > 0.01


@pytest.mark.parametrize("row", random_rows(3), ids=SPACE.to_string)
def test_the_recipe_of_the_table_agrees_over_an_epoch(row):
    recipe, tolerance = RECIPES["adamw"]
    compiled = program("adamw", SPACE.widths[row[-1]]).train(row, SEED)
    ordinary = train_candidate(SPACE.network(row), load_dataset("digits"), recipe, 1, SEED)
    assert compiled.losses == pytest.approx(ordinary.losses, abs=tolerance)


def test_twice_is_the_same_bit_for_bit_and_nothing_is_left_of_the_last_training():
    first, other = random_rows(20)[:2]
    first, other = ((*row[:-1], 0) for row in (first, other))
    chosen = program("adamw", 8)
    before = chosen.train(first, 1)
    chosen.train(other, 2)
    after = chosen.train(first, 1)
    assert np.array_equal(before.losses, after.losses)
    assert np.array_equal(before.maps[1], after.maps[1])


def test_another_seed_is_another_training():
    row = (4, 4, 4, 4, 0, 0)
    chosen = program("adamw", 8)
    assert not np.allclose(chosen.train(row, 1).losses, chosen.train(row, 2).losses, atol=1e-4)


def test_a_wrong_width_is_named():
    with pytest.raises(ValueError, match="has the width 16, this program 8"):
        program("adamw", 8).train((4, 4, 4, 4, 0, 1), 0)


@pytest.mark.parametrize("row", random_rows(4), ids=SPACE.to_string)
def test_initial_weights_are_the_models(row):
    network = SPACE.network(row)
    found = [array for arrays in initial_weights(network, 5).values() for array in arrays]
    wanted = build_model(network, seed=5).get_weights()
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.array_equal(ours, theirs)


def test_unknown_initial_weights_are_refused():
    from pynascent.envs.spaces import NetworkBuilder

    builder = NetworkBuilder((4, 8))
    network = builder.build(builder.layer_norm(builder.input))
    with pytest.raises(ValueError, match="layer_norm"):
        initial_weights(network, 0)
