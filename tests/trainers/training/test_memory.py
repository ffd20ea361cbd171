"""Memory of a training step: the estimate, what is computed again, and what that changes."""

import numpy as np
import pytest

from pynascent.envs.network.graph import NetworkBuilder
from pynascent.envs.spaces import NASBench201Space
from pynascent.scripts.measure.training.step_memory import chain, measure, network_of
from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.training.memory.estimate import step_megabytes
from pynascent.trainers.training.memory.plan import blocks, chosen_blocks, memory_plan

from support import techniques
from support.training_process import train, training_process

NETWORK = (4, 3, 2, 5, 1, 1)


@pytest.fixture(scope="module")
def process():
    with training_process() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


def test_blocks_are_joined_by_single_tensors():
    b = NetworkBuilder((8, 8, 3))
    x = b.relu(b.conv(b.input, filters=4, kernel=3))  # 1, 2
    y = b.add(b.batch_norm(b.conv(x, filters=4, kernel=3)), x)  # 3, 4, 5: nothing inside can be cut
    network = b.build(b.dense(b.global_avg_pool(y), 10))  # 6, 7
    assert blocks(network) == [range(1, 2), range(2, 3), range(3, 6), range(6, 7), range(7, 8)]


def test_blocks_cover_a_cell_network():
    space = NASBench201Space()
    network = space.network(space.sample(np.random.default_rng(0), 1)[0])
    pieces = blocks(network)
    assert [i for piece in pieces for i in piece] == list(range(1, len(network.layers)))
    for piece in pieces:
        entering = {i for index in piece for i in network.layers[index].inputs if i < piece.start}
        assert len(entering) == 1


def test_a_plan_needs_less_than_the_plain_training_and_no_more_than_its_budget():
    network = chain(60)
    plain, least = step_megabytes(network, 64), step_megabytes(network, 64, 4, chosen_blocks(network, 64, 4, None))
    assert least < 0.3 * plain
    assert chosen_blocks(network, 64, 4, plain) == []
    half = chosen_blocks(network, 64, 4, plain / 2)
    assert least <= step_megabytes(network, 64, 4, half) <= plain / 2
    assert 0 < len(half) < len(chosen_blocks(network, 64, 4, None))


def test_a_step_is_divided_until_it_fits():
    network = chain(10)
    one = 1.1 * step_megabytes(network, 16)
    settings = {"batch_size": 64, "accumulation": 0, "memory_mb": one}
    assert memory_plan(network, TrainingConfiguration.from_config(settings), 64) == ([], 4)
    half = memory_plan(network, TrainingConfiguration.from_config({**settings, "precision": "mixed_bfloat16"}), 64)
    assert half == ([], 2)
    pieces, parts = memory_plan(network, TrainingConfiguration.from_config({**settings, "remat": "auto"}), 64)
    assert pieces and parts < 4
    with pytest.raises(ValueError, match=r"memory_mb=0\.1: a step of one example needs .* MB: give more"):
        memory_plan(network, TrainingConfiguration.from_config({**settings, "memory_mb": 0.1}), 64)


@pytest.mark.parametrize(
    "config, message",
    [
        ({"remat": "some"}, "remat='some': give one of none, blocks, auto"),
        ({"remat": "auto"}, "remat='auto': give 'auto' together with a memory_mb"),
        ({"accumulation": 0}, "accumulation=0: give a number, or a memory_mb above 0"),
        ({"remat": "blocks", "xla": True}, "remat='blocks': give 'none' with xla"),
        ({"memory_mb": -1}, "memory_mb=-1: give 0 or more"),
    ],
)
def test_bad_settings_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfiguration.from_config(config)


def test_computing_again_changes_neither_gradients_nor_moving_averages(process):
    plain, again = (process(techniques.step_of_a_chain, remat) for remat in ("none", "blocks"))
    np.testing.assert_allclose(plain["gradient"], again["gradient"], rtol=1e-5, atol=1e-5)
    assert again["averages_moved"]
    for a, b in zip(plain["averages"], again["averages"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("more", [{}, {"dropout": 0.3, "drop_connect": 0.1}], ids=["plain", "noise"])
def test_a_training_with_remat_is_the_training_without(process, more):
    plain, again = (process(train, NETWORK, 1, 7, remat=remat, **more) for remat in ("none", "blocks"))
    assert again["losses"] == pytest.approx(plain["losses"], rel=1e-5)
    assert again["validation_accuracy"] == pytest.approx(plain["validation_accuracy"], abs=0.01)


def test_mixed_precision_and_remat_go_together(process):
    settings = {"precision": "mixed_float16", "remat": "blocks"}
    assert process(train, NETWORK, 1, 7, **settings)["losses"][0] < 3


def test_the_graph_rewriter_is_on_again_afterwards(process):
    assert process(techniques.rewriter_after_remat) is False


def test_remat_saves_memory_measured_in_fresh_processes():
    plain, again = (measure({"chain": 40}, {"remat": remat, "batch_size": 64}) for remat in ("none", "blocks"))
    assert again["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    assert again["megabytes"] < 0.6 * plain["megabytes"]


@pytest.mark.parametrize("space, seed", [("nasbench201", 2), ("nasbench_macro", 0), ("mobile", 0)])
def test_the_estimate_is_near_what_is_measured(space, seed):
    what = {"space": space, "seed": seed}
    measured = measure(what, {"batch_size": 64}, steps=1)["megabytes"]
    assert step_megabytes(network_of(what), 64) == pytest.approx(measured, rel=0.15)
