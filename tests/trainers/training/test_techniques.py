"""Every technique of a training configuration, in a process set up as a worker is."""

import numpy as np
import pytest

from support import techniques
from support.training_process import train, training_process

NETWORK = (4, 3, 2, 5, 1, 0)


@pytest.fixture(scope="module")
def process():
    with training_process() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


@pytest.fixture(scope="module")
def plain(process):
    return process(train, NETWORK, 1, seed=7)


TECHNIQUES = {
    "bfloat16": {"precision": "mixed_bfloat16"},
    "float16": {"precision": "mixed_float16"},
    "l2": {"l2": 1e-3},
    "dropout": {"dropout": 0.3},
    "drop_connect": {"drop_connect": 0.2},
    "accumulation": {"accumulation": 5},
    "warmup": {"warmup_epochs": 1},
    "nesterov": {"optimizer": {"component": "sgd", "settings": {"nesterov": True}}},
    "lion": {"optimizer": {"component": "keras", "settings": {"name": "Lion"}}, "learning_rate": 1e-3},
}


@pytest.mark.parametrize("settings", TECHNIQUES.values(), ids=TECHNIQUES)
def test_it_trains_repeatably_and_otherwise_than_the_plain_training(process, plain, settings):
    one, two = (process(train, NETWORK, 1, seed=7, **settings) for _ in range(2))
    assert one["status"] == "OK"
    assert one["checkpoints"] == two["checkpoints"] != plain["checkpoints"]
    assert abs(one["losses"][0] - plain["losses"][0]) < 0.9


def test_the_layers_of_a_mixed_precision_compute_in_it_and_keep_float32_weights(process):
    report = process(techniques.dtypes, NETWORK, "mixed_float16", ("batch_norm", "last"))
    assert report["weights"] == {"float32"}
    assert report["conv"] == {"float16"} and report["batch_norm"] == {"float32"}
    assert report["dense"] == {"float32"}
    assert process(techniques.dtypes, NETWORK, "mixed_float16", "auto")["dense"] == {"float32"}
    assert process(techniques.dtypes, NETWORK, "mixed_float16", ())["dense"] == {"float16"}
    assert process(techniques.dtypes, NETWORK, "float32", "auto")["conv"] == {"float32"}


def test_the_global_policy_is_as_it_was(process):
    assert process(techniques.policy_after_building) == "float32"


def test_an_overflow_shrinks_the_scale_skips_the_step_and_leaves_the_weights(process):
    before, after, scales, skipped = process(techniques.overflow, initial=2.0**60)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)  # weights, moving averages
    assert scales == [2.0**60, 2.0**59] and skipped == 1


def test_the_scale_grows_after_its_interval_of_finite_steps(process):
    _, _, scales, skipped = process(techniques.overflow, initial=4.0, growth_steps=3, steps=7)
    assert scales == [4.0, 4.0, 4.0, 8.0, 8.0, 8.0, 16.0, 16.0] and skipped == 0


def test_the_dynamic_rule_is_that_of_keras(process):
    ours, keras = process(techniques.scales_beside_keras, [1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1], growth_steps=3)
    assert ours == keras


def test_the_printed_rule_grows_without_bound_where_gradients_stay_large(process):
    scales = process(techniques.scales_of_the_printed_rule, steps=200, norm=10.0)
    assert scales[10] == 2.0**25 and scales[-1] == 2.0**120 and max(scales) == 2.0**120  # held there, not infinite
    assert set(process(techniques.scales_of_the_printed_rule, steps=9, norm=0.1)) == {2.0**15}


def test_a_training_whose_every_step_overflows_has_diverged(process):
    fixed = {"component": "fixed", "settings": {"initial": 1e30}}
    run = process(train, NETWORK, 3, seed=7, precision="mixed_float16", loss_scaling=fixed)
    assert run["status"] == "DIVERGED" and len(run["losses"]) == 1


def test_scaling_changes_nothing_where_nothing_under_or_overflows(process, plain):
    scaled = process(train, NETWORK, 1, seed=7, loss_scaling="dynamic")  # powers of two: exact
    assert scaled["losses"] == pytest.approx(plain["losses"], rel=1e-5)


def test_the_penalty_shrinks_kernels_and_nothing_else(process):
    ours, expected = process(techniques.l2_gradient, NETWORK, 0.1)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6)


def test_accumulated_gradients_are_those_of_the_whole_batch(process):
    whole, parts = process(techniques.gradients, parts=(1, 5))
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-6)


def test_reweighting_makes_a_rare_class_heard(process):
    plain, balanced = (process(techniques.rarest_recall, reweighting) for reweighting in ("none", "balanced"))
    assert balanced > plain + 0.1


def test_xla_trains_the_same_network(process, plain):
    compiled = process(train, NETWORK, 1, seed=7, xla=True)
    assert compiled["losses"] == pytest.approx(plain["losses"], rel=1e-3)


@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, "valid"), (3, 1, "same"), (3, 2, "same"), (2, 1, "same")])
def test_pooling_by_slices_is_max_pooling(process, kernel, stride, padding):
    difference, gradient_difference = process(techniques.pooling_differences, kernel, stride, padding)
    assert difference == 0 and gradient_difference == 0


def test_the_adaptive_penalty_is_logged(process):
    log = process(techniques.log_of, NETWORK, 3, l2=1e-3, l2_adaptation="loss_trend")
    assert len(log["l2"]) == 3 and log["l2"][0] == log["l2"][1] == np.float32(1e-3) > log["l2"][2]
    scaled = process(techniques.log_of, NETWORK, 2, precision="mixed_float16")
    assert scaled["loss_scale"] == [2.0**15] * 2 and scaled["skipped_steps"] == [0, 0]


def test_keras_optimizers_of_layers_are_refused(process):
    with pytest.raises(ValueError, match="name='Muon': choose one of Adadelta"):
        process(train, NETWORK, 1, 0, optimizer={"component": "keras", "settings": {"name": "Muon"}})
    with pytest.raises(ValueError, match=r"optimizer keras SGD: .*momentun"):
        settings = {"name": "SGD", "momentun": 0.9}
        process(train, NETWORK, 1, 0, optimizer={"component": "keras", "settings": settings})


def test_what_does_not_divide_is_refused(process):
    with pytest.raises(ValueError, match="accumulation=3 does not divide a rank's 50 examples"):
        process(train, NETWORK, 1, 0, accumulation=3)
