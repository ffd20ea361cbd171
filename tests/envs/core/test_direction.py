"""A search metric of which less is better counts negatively."""

import numpy as np
import pytest

from pynascent.envs import Evaluation, Metric, Objective

METRICS = {"validation_loss": Metric("validation_loss", "nats", "validation")}


def test_a_loss_is_minimised():
    bound = Objective({"accuracy": 2.0}).bind(METRICS, "validation_loss")
    zeros = np.zeros(2, dtype=np.int64)
    found = Evaluation(np.zeros(2, np.int8), zeros, zeros, {"validation_loss": np.array([0.5, 1.5])}, np.zeros(2))
    assert bound(found).tolist() == [-1.0, -3.0]
    assert Objective({"validation_loss": -1.0}).bind(METRICS, "validation_loss")(found).tolist() == [-0.5, -1.5]


def test_a_bound_on_a_loss_names_the_loss():
    with pytest.raises(ValueError, match="constrain 'validation_loss' itself"):
        Objective({"accuracy": 1.0}, ("accuracy>=0.5",)).bind(METRICS, "validation_loss")
    Objective({"accuracy": 1.0}, ("validation_loss<=0.5",)).bind(METRICS, "validation_loss")
