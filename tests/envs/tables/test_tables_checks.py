"""What no table may hold is refused when it is written, the first offending row named, and found by `verify`."""

import json

import numpy as np
import pytest

from pynascent.envs.core.evaluation import METRICS, Metric
from pynascent.envs.spaces import ChainSpace
from pynascent.envs.tables import MetricData, Table, TableData, TableError, space_of_config, verify_table

SPACE = ChainSpace(stages=1, blocks=1, operations=("skip", "conv_1x1", "conv_3x3"), widths=(4, 8), residual="none")
ROWS = SPACE.from_index(np.arange(6))


def write(tmp_path, values=None, **changes):
    values = np.linspace(0.1, 0.6, 6)[:, None, None] if values is None else values
    arguments = {
        "name": "t",
        "space": SPACE,
        "metrics": [MetricData(METRICS["validation_accuracy"], values, (3,))],
        "search_metric": "validation_accuracy",
        "architectures": ROWS,
    }
    return TableData(**(arguments | changes)).write(tmp_path / "t.nastable")


def test_the_whole_space_in_any_order(tmp_path):
    order = np.array([3, 1, 5, 0, 2, 4])
    values = np.linspace(0.1, 0.6, 6)[:, None, None]
    assert write(tmp_path, values[order], architectures=ROWS[order]).header.index is None
    np.testing.assert_allclose(Table(tmp_path / "t.nastable").values("validation_accuracy"), values)
    assert write(tmp_path, values, architectures=None).header.rows == 6


def test_missing_rows(tmp_path):
    keep = [0, 1, 2, 4, 5]
    values = np.full((5, 1, 1), 0.5)
    with pytest.raises(
        TableError, match=r"1 of 6 architectures are missing, the first is stage1_block1=conv_1x1 width=8"
    ):
        write(tmp_path, values, architectures=ROWS[keep])
    table = write(tmp_path, values, architectures=ROWS[keep], partial=True)
    assert table.raw(table.header.index).tolist() == keep


def test_rows_that_are_there_twice(tmp_path):
    with pytest.raises(TableError, match="stage1_block1=skip width=8 is there twice"):
        write(tmp_path, np.full((7, 1, 1), 0.5), architectures=ROWS[[0, 1, 2, 3, 4, 5, 1]])


@pytest.mark.parametrize(("row", "message"), [
    ([3, 0], "architecture 6 has option 3 for 'stage1_block1'"),
    ([-1, 0], "architecture 6 has option -1"),
])  # fmt: skip
def test_unknown_architectures(tmp_path, row, message):
    with pytest.raises(TableError, match=message):
        write(tmp_path, np.full((7, 1, 1), 0.5), architectures=np.concatenate([ROWS, [row]]))


def test_rows_that_are_not_canonical_in_a_canonical_table(tmp_path):
    space = ChainSpace(stages=1, blocks=2, widths=(4,))
    architectures = np.concatenate(list(space.enumerate()))
    metrics = [MetricData(METRICS["validation_accuracy"], np.full((72, 1, 1), 0.5), (3,))]
    with pytest.raises(TableError, match="no canonical form"):
        write(tmp_path, space=space, architectures=architectures, metrics=metrics, canonical=True)


@pytest.mark.parametrize(("value", "message"), [
    (np.nan, r"no value \(NaN\) at 3 epochs for row 4, stage1_block1=conv_3x3 width=4"),
    (np.inf, r"validation_accuracy = inf for row 4, stage1_block1=conv_3x3 width=4 is outside 0 to 1"),
    (-0.1, r"= -0.1 for row 4"),
    (1.0001, r"= 1.0001 for row 4, .*divide by 100"),
    (94.37, r"= 94.37 for row 4, .*look like percent: divide by 100, or give the unit as percent"),
    (101.0, r"= 101 for row 4, [^;]*$"),
])  # fmt: skip
def test_values_that_cannot_be(tmp_path, value, message):
    values = np.linspace(0.1, 0.6, 6)[:, None, None]
    values[4] = value
    with pytest.raises(TableError, match=message):
        write(tmp_path, values)
    assert not list(tmp_path.iterdir())


def test_trainings_with_a_gap(tmp_path):
    values = np.full((6, 1, 3), 0.5)
    values[2, 0, 1] = np.nan
    with pytest.raises(TableError, match=r"NaN.* for row 2, .*trainings that do not exist come last"):
        write(tmp_path, values)


def test_a_property_without_a_value(tmp_path):
    flops = np.array([1e6, 2e6, np.nan, 4e6, 5e6, 6e6])
    accuracy = MetricData(METRICS["validation_accuracy"], np.full((6, 1, 1), 0.5), (3,))
    with pytest.raises(TableError, match=r"'flops' has no value \(NaN\) for row 2"):
        write(tmp_path, metrics=[accuracy, MetricData(METRICS["flops"], flops)])
    table = write(tmp_path, metrics=[accuracy, MetricData(METRICS["flops"], flops, gaps=True)])
    np.testing.assert_array_equal(table.values("flops"), flops)


@pytest.mark.parametrize(("metric", "values", "suspect"), [
    (METRICS["latency_ms"], [0.003] * 6, "latency_ms = 0.003 ms .* looks like seconds"),
    (METRICS["latency_ms"], [5e6] * 6, "looks like microseconds"),
    (METRICS["training_seconds"], [3.4e6] * 6, "looks like milliseconds"),
    (METRICS["flops"], [220.1] * 6, "looks like millions"),
])  # fmt: skip
def test_implausible_units(tmp_path, metric, values, suspect):
    accuracy = MetricData(METRICS["validation_accuracy"], np.full((6, 1, 1), 0.5), (3,))
    data = MetricData(metric, np.array(values))
    with pytest.raises(TableError, match=suspect):
        write(tmp_path, metrics=[accuracy, data])
    data.trust_unit = True
    assert write(tmp_path, metrics=[accuracy, data]).header.columns[metric.name].metric.unit == metric.unit


@pytest.mark.parametrize(("changes", "message"), [
    ({"search_metric": "test_accuracy"}, "search metric 'test_accuracy' is not among"),
    ({"cost_metric": "training_seconds"}, "the cost 'training_seconds'"),
    ({"fidelities": (1,)}, "fidelities"),
    ({"name": "a/b"}, "name"),
    ({"metrics": [MetricData(METRICS["validation_accuracy"], np.zeros((6, 1, 1)), (3,))] * 2}, "given twice"),
    ({"metrics": [MetricData(METRICS["validation_accuracy"], np.zeros((6, 2, 1)), (3,))]}, "it must have"),
    ({"metrics": [MetricData(METRICS["validation_accuracy"], np.zeros((5, 1, 1)), (3,))]}, "it must have"),
    ({"metrics": [MetricData(Metric("Bad Name", "s"), np.zeros((6, 1, 1)), (3,))], "search_metric": "Bad Name"},
     "name"),
])  # fmt: skip
def test_parts_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(TableError, match=message):
        write(tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_a_table_can_be_written_again_unchanged(known, written, tmp_path):
    table = Table(written)
    data = TableData.from_table(table, known.space)
    again = data.write(tmp_path / "again.nastable")
    assert again.header.sha256 == table.header.sha256
    assert again.header == table.header


# -- verify -------------------------------------------------------------------------------------------------


def spoilt(tmp_path, written, surgery, change):
    """Return the table with its arrays or header changed and all checksums right."""
    import hashlib

    data = written.read_bytes()
    header = surgery.header_of(data)
    payload = bytearray(data[-header["payload_bytes"] :])
    change(header, payload)
    header["sha256"] = hashlib.sha256(payload).hexdigest()
    text = json.dumps(header).encode()
    path = tmp_path / "spoilt.nastable"
    path.write_bytes(surgery.rebuilt(data[: -len(payload)] + bytes(payload), text))
    return Table(path)


def block(header, name, key="block"):
    return next(c for c in header["columns"] if c["name"] == name)[key]


@pytest.mark.parametrize(("name", "value", "message"), [
    ("validation_accuracy", b"\xff\xff", r"validation_accuracy = \S+ for row 0, .* is outside 0 to 1"),
    ("training_seconds", np.float64(np.nan).tobytes(), "training_seconds is NaN for row 0"),
    ("training_seconds", np.float64(-np.inf).tobytes(), "training_seconds = -inf for row 0"),
])  # fmt: skip
def test_verify_finds_values_that_cannot_be(known, written, tmp_path, surgery, name, value, message):
    def change(header, payload):
        start = block(header, name)["offset"]
        payload[start : start + len(value)] = value

    with pytest.raises(TableError, match=message):
        list(verify_table(spoilt(tmp_path, written, surgery, change), known.space))


def test_verify_finds_counts_that_cannot_be(known, written, tmp_path, surgery):
    def change(header, payload):
        payload[block(header, "validation_accuracy", "trainings")["offset"]] = 7

    with pytest.raises(TableError, match="claims 7 trainings of 3"):
        list(verify_table(spoilt(tmp_path, written, surgery, change), known.space))


@pytest.mark.parametrize(("index", "message"), [
    ([0, 1, 1], "not in the space's order"),
    ([1, 0, 2], "not in the space's order"),
    ([0, 1, 6], "unknown architecture"),
])  # fmt: skip
def test_verify_finds_architectures_that_cannot_be(tmp_path, surgery, index, message):
    path = write(tmp_path, np.full((3, 1, 1), 0.5), architectures=ROWS[:3], partial=True).path

    def change(header, payload):
        start = header["index"]["offset"]
        payload[start : start + 3] = bytes(index)

    with pytest.raises(TableError, match=message):
        list(verify_table(spoilt(tmp_path, path, surgery, change), SPACE))


def test_verify_finds_a_table_that_claims_to_be_whole(tmp_path, surgery):
    path = write(tmp_path, np.full((3, 1, 1), 0.5), architectures=ROWS[:3], partial=True).path
    table = spoilt(tmp_path, path, surgery, lambda header, payload: header.update(partial=False))
    with pytest.raises(TableError, match="3 of 6 architectures are missing"):
        list(verify_table(table, SPACE))


def test_verify_says_what_it_checked(written):
    table = Table(written)
    lines = list(verify_table(table, space_of_config(table.header.space)))
    assert lines[0].startswith("the checksum of")
    assert lines[1] == "all 72 architectures of chain are there, in index order"
    assert [line.split(":")[0] for line in lines[2:]] == list(table.header.columns)
