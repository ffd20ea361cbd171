"""The NAS-Bench-201 cell against the benchmark's own order, classes, FLOPs and parameters."""

import numpy as np
import pytest

from pynascent.envs.spaces import NASBench201Space, network_cost
from pynascent.envs.spaces.nasbench201 import OPERATIONS

from support.shared_data import shared_data

DATASETS = {"c10": ((32, 32, 3), 10), "c100": ((32, 32, 3), 100), "in16": ((16, 16, 3), 120)}


@pytest.fixture(scope="module")
def benchmark():
    with np.load(shared_data("nasbench201.npz")) as data:
        columns = dict(zip(data["columns"].tolist(), data["table"].T, strict=True))
        return data["ops"].astype(np.int64), columns, data["op_names"].tolist()


@pytest.fixture(scope="module")
def space():
    return NASBench201Space()


# Quoted in the authors' generator (AutoDL-Projects, exps/NAS-Bench-201/main.py) to check the order.
OFFICIAL = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
}


@pytest.mark.parametrize("index", OFFICIAL)
def test_the_order_is_the_official_one_where_its_authors_quote_it(space, index):
    row = space.from_index(index)[0]
    assert space.to_string(row) == OFFICIAL[index]
    assert space.index(space.parse(OFFICIAL[index])) == index


def test_a_shuffle_that_is_not_the_official_one_is_refused(monkeypatch):
    from pynascent.envs.spaces import nasbench201

    monkeypatch.setattr(nasbench201, "Random", lambda seed: np.random.default_rng(seed))
    with pytest.raises(RuntimeError, match="shuffles otherwise"):
        nasbench201._official_order.__wrapped__()


def test_there_are_6466_classes_and_each_is_named_by_its_first_member(space):
    rows = space.from_index(np.arange(15_625))
    forms = space.index(space.canonical(rows))
    assert len(np.unique(forms)) == 6466
    assert (forms <= np.arange(15_625)).all()


def test_all_15625_strings_round_trip(space):
    rows = space.from_index(np.arange(15_625))
    texts = [space.to_string(row) for row in rows]
    assert len(set(texts)) == 15_625
    np.testing.assert_array_equal([space.parse(text) for text in texts], rows)


def test_an_unknown_operation_is_named(space):
    with pytest.raises(ValueError, match=r"nor_conv_7x7.*allowed are none"):
        space.parse(OFFICIAL[0].replace("nor_conv_1x1~0", "nor_conv_7x7~0", 1))


def test_order_and_operations_equal_the_published_table(space, benchmark):
    operations, _, names = benchmark
    assert tuple(names) == OPERATIONS
    np.testing.assert_array_equal(space.from_index(np.arange(15_625)), operations)
    np.testing.assert_array_equal(space.index(operations), np.arange(15_625))


def test_classes_equal_the_published_partition(space, benchmark):
    operations, columns, _ = benchmark
    forms, published = space.index(space.canonical(operations)), columns["iso"].astype(int)
    assert len(set(zip(forms, published, strict=True))) == len(set(forms)) == len(set(published)) == 6466


@pytest.mark.parametrize("dataset", DATASETS)
def test_flops_and_parameters_equal_the_published_ones_of_all_cells(benchmark, dataset):
    """To the last bit of the table's float32; its FLOPs count the classifier's bias as multiply-accumulates."""
    operations, columns, _ = benchmark
    shape, classes = DATASETS[dataset]
    cost = NASBench201Space(input_shape=shape, classes=classes).cost(operations)
    macs = cost["flops"] / 2 + classes
    np.testing.assert_array_equal((macs / 1e6).astype(np.float32), columns[f"flops_m_{dataset}"])
    published = columns[f"params_m_{dataset}"]
    np.testing.assert_array_equal((cost["trainable_parameters"] / 1e6).astype(np.float32), published)


def test_dead_convolutions_are_in_the_network_and_in_its_cost(space):
    dead = space.parse("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|")
    alive = space.parse("|none~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|")
    np.testing.assert_array_equal(space.canonical(dead), space.canonical(alive))
    assert network_cost(space.network(dead)).flops > network_cost(space.network(alive)).flops
