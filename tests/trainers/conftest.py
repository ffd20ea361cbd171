"""One warm pool for all tests that train through Ray: starting it costs more than most of them."""

import pytest

from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.live import LiveEvaluator


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """An evaluator that keeps the shared pool of one worker and one explainer open; ask your own, not this."""
    evaluator = LiveEvaluator(ChainSpace(), workers=1, store=tmp_path_factory.mktemp("warm") / "store.sqlite")
    assert evaluator.pool is not None
    yield evaluator
    evaluator.close()


@pytest.fixture
def make_evaluator(warm, tmp_path):
    """A function that makes evaluators with stores of their own on the shared pool."""
    made = []

    def make(store="store.sqlite", **arguments):
        made.append(LiveEvaluator(ChainSpace(), workers=1, store=tmp_path / store, **arguments))
        return made[-1]

    yield make
    for evaluator in made:
        evaluator.close()
