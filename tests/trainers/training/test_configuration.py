import numpy as np
import pytest

from pynascent.trainers.training.configuration import TrainingConfiguration, batches


def test_learning_rate_falls_along_a_cosine_and_starts_anew():
    rates = TrainingConfiguration(learning_rate=0.5).learning_rates(27 * 12, 12)
    assert rates.dtype == np.float32 and rates.shape == (324,)
    assert rates[0] == rates[108] == rates[216] == np.float32(0.5)
    assert (np.diff(rates[:108]) < 0).all()
    assert rates[54] == pytest.approx(0.25)
    assert rates[107] < 1e-3


@pytest.mark.parametrize("short, long", [(1, 3), (3, 27)])
def test_a_short_training_begins_like_a_long_one(short, long):
    recipe = TrainingConfiguration()
    assert (recipe.learning_rates(short * 12, 12) == recipe.learning_rates(long * 12, 12)[: short * 12]).all()
    assert (batches(600, recipe, short, 5) == batches(600, recipe, long, 5)[: short * 12]).all()


def test_every_epoch_shows_every_image_once_in_another_order():
    order = batches(600, TrainingConfiguration(), 3, 0)
    assert order.shape == (36, 50)
    for epoch in range(3):
        assert (np.sort(order[epoch * 12 : (epoch + 1) * 12].ravel()) == np.arange(600)).all()
    assert (order[:12] != order[12:24]).any()
    assert (batches(600, TrainingConfiguration(), 1, 1) != order[:12]).any()


def test_images_beyond_the_last_full_batch_sit_out():
    assert batches(107, TrainingConfiguration(), 2, 0).shape == (4, 50)
    with pytest.raises(ValueError, match="batch_size=50: there are only 49"):
        batches(49, TrainingConfiguration(), 1, 0)


def test_config_rebuilds_it():
    recipe = TrainingConfiguration(learning_rate=0.1, optimizer="sgd", fidelities=(2, 4))
    assert TrainingConfiguration.from_config(recipe.config()) == recipe
    assert TrainingConfiguration.from_config(None) == TrainingConfiguration()


@pytest.mark.parametrize(
    "config, message",
    [
        ({"learningrate": 1}, "'learningrate' is unknown: known are fidelities, cycle_epochs"),
        ({"learning_rate": 0}, "learning_rate=0: give above 0"),
        ({"learning_rate": "high"}, "learning_rate='high': give a value like 0.01"),
        ({"batch_size": 2.5}, "batch_size=2.5: give a value like 50"),
        ({"optimizer": 3}, "optimizer=3: give a name or a component"),
        ({"fidelities": [3, 1]}, "fidelities=.*ascending"),
        ({"fidelities": []}, "fidelities=.*ascending"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"momentum": -0.1}, "momentum=-0.1"),
        ({"weight_decay": -1}, "weight_decay=-1: give 0 or more"),
    ],
)
def test_bad_settings_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfiguration.from_config(config)
