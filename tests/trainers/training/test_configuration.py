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


@pytest.mark.parametrize("name", ["training.json", "training.yaml", "training.yml"])
def test_a_file_gives_back_what_was_written(tmp_path, name):
    configuration = TrainingConfiguration(
        fidelities=(2, 4),
        precision="mixed_float16",
        float32_layers=("last",),
        loss_scaling={"component": "dynamic", "settings": {"growth_steps": 100}},
    )
    configuration.write(tmp_path / name)
    assert TrainingConfiguration.read(tmp_path / name) == configuration
    assert "learning_rate" not in (tmp_path / name).read_text()  # what differs, no more
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.toml", "", "a.toml: give a .json, .yaml or .yml file"),
        ("a.json", "{", "a.json: Expecting property name"),
        ("a.yaml", "a: [", "a.yaml: while parsing a flow node"),
        ("a.yaml", "- 1", "a.yaml: give one object of settings"),
        ("a.yaml", "xla: maybe", "xla='maybe': give a value like False"),
        ("a.yaml", "!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        TrainingConfiguration.read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.yaml: .*No such file"):
        TrainingConfiguration.read(tmp_path / "none.yaml")
