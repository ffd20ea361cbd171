"""Spaces that number their architectures otherwise than their choices do: looked up and drawn all the same."""

import numpy as np
import pytest

from pynascent.envs import SearchVectorEnv
from pynascent.envs.core.tasks import make_task


@pytest.mark.parametrize("formulation", ("build", "edit"))
def test_nasbench201_is_looked_up_in_the_order_of_its_choices(formulation, real_tables):
    fast, slow = (
        SearchVectorEnv(8, make_task("NASBench201-CIFAR100"), formulation, accelerate=on) for on in (True, False)
    )
    fast.action_space.seed(0)
    for one, other in zip(fast.reset(seed=1)[:1], slow.reset(seed=1)[:1], strict=True):
        assert np.array_equal(one, other)
    for _ in range(60):
        actions = fast.action_space.sample()
        for one, other in zip(fast.step(actions)[:4], slow.step(actions)[:4], strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(fast.architectures, slow.architectures)
