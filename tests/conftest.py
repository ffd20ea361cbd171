"""Fixtures of several folders."""

import os
from pathlib import Path

import pytest

from support.shared_data import shared_data

# As in the processes that train (`trainers.runtime`), and before any test imports TensorFlow: results of the two
# are compared bit for bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@pytest.fixture(scope="session")
def imported_tables(tmp_path_factory) -> Path:
    """A data folder with the public benchmarks' tables, imported once; skipped where their files are absent."""
    from pynascent.envs.tables.importers import ImportRequest, import_tables

    home = tmp_path_factory.mktemp("data")
    files = (
        ("nasbench201-npz", "nasbench201.npz"),
        ("nas-bench-macro", "nas-bench-macro_cifar10.json"),
        ("transnasbench101", "transnasbench101_micro.npz"),
        ("transnasbench101", "transnasbench101_macro.npz"),
        ("accel-nasbench", "accel_nasbench.csv"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(home))
        for kind, name in files:
            list(import_tables(kind, ImportRequest([shared_data(name)]), False))  # it imports as it is iterated
    return home


@pytest.fixture
def real_tables(imported_tables, monkeypatch) -> Path:
    """The folder of the public benchmarks' tables, found by name through PYNASCENT_DATA."""
    monkeypatch.setenv("PYNASCENT_DATA", str(imported_tables))
    return imported_tables / "tables"


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """An evaluator that keeps the shared pool of one worker and one explainer open; ask your own, not this.

    One warm pool for all tests that train through Ray: starting it costs more than most of them.
    """
    from pynascent.envs.spaces import ChainSpace
    from pynascent.trainers.live import LiveEvaluator

    evaluator = LiveEvaluator(ChainSpace(), workers=1, store=tmp_path_factory.mktemp("warm") / "store.sqlite")
    assert evaluator.pool is not None
    yield evaluator
    evaluator.close()


@pytest.fixture
def make_evaluator(warm, tmp_path):
    """A function that makes evaluators with stores of their own on the shared pool."""
    from pynascent.envs.spaces import ChainSpace
    from pynascent.trainers.live import LiveEvaluator

    made = []

    def make(store="store.sqlite", **arguments):
        made.append(LiveEvaluator(ChainSpace(), workers=1, store=tmp_path / store, **arguments))
        return made[-1]

    yield make
    for evaluator in made:
        evaluator.close()
