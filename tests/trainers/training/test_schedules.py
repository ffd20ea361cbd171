"""Schedules, class weights and strengths: what needs no training to be checked."""

import numpy as np
import pytest

from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.training.regularisation import GeneralisationGap, LossTrend
from pynascent.trainers.training.reweighting import balanced_weights, example_weights
from pynascent.trainers.training.schedules import SCHEDULES


def test_warm_restarts_double_their_cycles():
    rates = TrainingConfiguration(schedule="warm_restarts", cycle_epochs=1, learning_rate=1.0).learning_rates(70, 10)
    assert [i for i in range(70) if rates[i] == 1.0] == [0, 10, 30]
    assert rates[5] == pytest.approx(0.5) and rates[20] == pytest.approx(0.5) and rates[50] == pytest.approx(0.5)


def test_warm_restarts_that_do_not_grow_are_the_cosine():
    same = {"component": "warm_restarts", "settings": {"growth": 1}}
    a, b = (TrainingConfiguration(schedule=s).learning_rates(300, 12) for s in (same, "cosine"))
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_warm_up_grows_to_the_schedule():
    plain = TrainingConfiguration(learning_rate=0.1).learning_rates(40, 10)
    warm = TrainingConfiguration(learning_rate=0.1, warmup_epochs=2).learning_rates(40, 10)
    assert warm[0] == pytest.approx(plain[0] / 20)
    assert (warm[:19] < plain[:19]).all() and (warm[19:] == plain[19:]).all()


def test_the_learning_rate_grows_with_the_ranks_on_request():
    plain, scaled = TrainingConfiguration(), TrainingConfiguration(scale_learning_rate=True)
    assert (plain.learning_rates(5, 5, ranks=4) == plain.learning_rates(5, 5)).all()
    assert scaled.learning_rates(5, 5, ranks=4)[0] == np.float32(4 * plain.learning_rate)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_short_training_begins_like_a_long_one(name):
    configuration = TrainingConfiguration(schedule=name, cycle_epochs=2, warmup_epochs=1)
    short, long = (configuration.learning_rates(epochs * 7, 7) for epochs in (3, 20))
    assert (short == long[:21]).all()


def test_balanced_weights_are_those_of_the_equation():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    np.testing.assert_allclose(balanced_weights(labels, 3), [10 / (3 * 6), 10 / (3 * 3), 10 / 3])
    each = example_weights("balanced", labels, 3)
    assert each is not None and each.mean() == pytest.approx(1)
    assert each[labels == 0].sum() == pytest.approx(each[labels == 2].sum())
    assert example_weights("none", labels, 3) is None


def test_a_class_without_examples_weighs_nothing_and_is_not_counted():
    np.testing.assert_allclose(balanced_weights(np.array([0, 0, 0, 2]), 4), [4 / (2 * 3), 0, 4 / 2, 0])


def test_strength_follows_the_loss_within_its_range():
    rule = LossTrend(gamma=1.0, range=10)
    assert rule.next(0.1, 0.1, [2.0], []) == 0.1
    assert rule.next(0.1, 0.1, [2.0, 1.0], []) == pytest.approx(0.05)
    assert rule.next(0.1, 0.1, [1.0, 2.0], []) == pytest.approx(0.2)
    assert rule.next(0.1, 0.1, [1.0, 1e-6], []) == pytest.approx(0.01)
    assert rule.next(0.1, 0.1, [1.0, 1e6], []) == pytest.approx(1.0)


def test_strength_follows_the_gap_to_validation():
    rule = GeneralisationGap(gamma=2.0)
    assert rule.next(0.7, 0.1, [1.0], [1.5]) == pytest.approx(0.2)
    assert rule.next(0.7, 0.1, [1.0], [0.5]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "config, message",
    [
        ({"schedule": "cosin"}, r"schedule 'cosin' is unknown \(did you mean 'cosine'\?\)"),
        ({"schedule": {"component": "warm_restarts", "settings": {"growth": 0.5}}}, "growth=0.5: give 1 or more"),
        ({"precision": "float16"}, "precision='float16': give one of float32, mixed_float16, mixed_bfloat16"),
        ({"float32_layers": "last"}, "float32_layers='last': give 'auto' or a list"),
        ({"loss_scaling": {"component": "dynamic", "settings": {"factor": 1}}}, "factor=1: give a number above 1"),
        ({"loss_scaling": {"component": "gradient_norm", "settings": {"eta": 0}}}, "eta=0: give a number above 1"),
        ({"l2": -1.0}, "l2=-1.0: give 0 or more"),
        ({"l2_adaptation": "loss_trend"}, "l2_adaptation='loss_trend': give None, or an l2 above 0"),
        ({"l2": 0.1, "l2_adaptation": "up"}, "L2 adaptation 'up' is unknown"),
        ({"dropout": 1.0}, "dropout=1.0: give 0 or more and below 1"),
        ({"drop_connect": -0.1}, "drop_connect=-0.1"),
        ({"reweighting": "inverse"}, "reweighting='inverse': give one of none, balanced"),
        ({"accumulation": -1}, "accumulation=-1: give 0 or more"),
        ({"accumulation": True}, "accumulation=True: give a value like 1"),
        ({"xla": 1}, "xla=1: give a value like False"),
        ({"warmup_epochs": -1}, "warmup_epochs=-1: give 0 or more"),
    ],
)
def test_bad_settings_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfiguration.from_config(config)


def test_new_settings_at_their_defaults_change_no_key():
    assert TrainingConfiguration().differing() == {}
    assert TrainingConfiguration.from_config(TrainingConfiguration().config()).differing() == {}
    changed = TrainingConfiguration(precision="mixed_bfloat16", float32_layers=["last"])
    assert changed.differing() == {"precision": "mixed_bfloat16", "float32_layers": ["last"]}
