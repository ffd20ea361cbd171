"""What is under way is found again by its action."""

import numpy as np
import pytest

from pynascent.agents.pending import Pending


def test_equal_actions_are_told_in_the_order_of_asking_and_only_once():
    pending, one, other = Pending(), np.array([1, 2]), np.array([2, 1])
    for action, note in ((one, "a"), (other, "b"), (one, "c")):
        pending.add(action, note)
    assert len(pending) == 3
    assert [pending.take(one), pending.take(other), pending.take(one)] == ["a", "b", "c"]
    assert len(pending) == 0
    with pytest.raises(ValueError, match=r"the action \[1, 2\] was told, but it was not asked for"):
        pending.take(one)
