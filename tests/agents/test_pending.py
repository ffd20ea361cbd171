"""What is under way is found again by its trial."""

import numpy as np
import pytest

from pynascent.agents.pending import Pending


def test_trials_are_told_in_any_order_and_only_once():
    pending = Pending()
    assert [pending.add(note) for note in "abc"] == [0, 1, 2]
    assert len(pending) == 3
    assert pending.told({"trial": np.array([2, 0])}) == ["c", "a"]
    assert len(pending) == 1
    for trial in (2, 7):
        with pytest.raises(ValueError, match=f"the trial {trial} was told, but it was not asked for or is told"):
            pending.take(trial)
    with pytest.raises(ValueError, match=r"infos\['trial'\] is missing"):
        pending.told({})
    assert pending.add("d") == 3 and pending.take(1) == "b"
