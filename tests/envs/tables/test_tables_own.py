"""One's own results: CSV and npz with a schema, and every way in which they can be wrong."""

import json

import numpy as np
import pytest

from pynascent.envs.spaces import ChainSpace
from pynascent.envs.tables import CategoricalSpace, TableError, TableEvaluator
from pynascent.envs.tables.importers import ImportRequest, import_tables

SCHEMA = """
name = "Mine"
source = "my cluster"
licence = "CC-BY-4.0"
citation = "me"

[space]
label = "my space"
[space.choices]
depth = [1, 2]
op = ["conv", "pool", "skip"]

[metrics.validation_accuracy]
unit = "percent"
description = "on 10,000 images"
[metrics.test_accuracy]
unit = "fraction"
[metrics.training_seconds]
unit = "min"
column = "minutes"
[metrics.latency_ms]
unit = "us"
[metrics.flops]
unit = "MMACs"
"""
HEADER = "depth,op,epochs,seed,validation_accuracy,test_accuracy,minutes,latency_ms,flops"


def lines():
    """Return the lines of a whole file: two epochs, one or two trainings."""
    found = []
    for i, (depth, op) in enumerate((d, o) for d in (1, 2) for o in ("conv", "pool", "skip")):
        for epochs in (4, 36):
            for seed in (7, 3) if i % 2 else (3,):
                accuracy = 50 + i + epochs / 10 + seed / 100
                costs = f"{epochs / 4},{100 + i},{10 + i}"
                found.append(f"{depth},{op},{epochs},{seed},{accuracy:.2f},{(accuracy - 1) / 100:.4f},{costs}")
    return found


@pytest.fixture
def bring(tmp_path, data_home):
    """Write the files and import them."""

    def run(text=None, schema=SCHEMA, kind="csv", **arguments):
        results, described = tmp_path / "results.csv", tmp_path / "schema.toml"
        results.write_text("\n".join([HEADER, *lines()]) if text is None else text)
        described.write_text(schema)
        (table,) = import_tables(kind, ImportRequest([results, described], **arguments), force=True)
        return table

    return run


def test_csv(bring):
    evaluator = TableEvaluator(bring())
    assert isinstance(evaluator.space, CategoricalSpace)
    assert evaluator.space.label == "my space"
    assert evaluator.fidelities == (4, 36)
    assert evaluator.seeds == (0, 1)
    assert evaluator.space.largest_flops == 2 * 15e6
    architecture = evaluator.space.parse("depth=1 op=pool")[None]
    # Trainings are numbered in order of their seeds: 3, then 7.
    for seed, given in ((0, 3), (1, 7), (-1, 5)):
        result = evaluator.evaluate(architecture, np.array([36]), np.array([seed]))
        assert result["validation_accuracy"][0] == pytest.approx((51 + 3.6 + given / 100) / 100, abs=1e-15)
        assert result.cost_seconds[0] == 9 * 60
    assert result["latency_ms"][0] == 0.101
    assert result["flops"][0] == 2 * 11e6
    single = evaluator.evaluate(evaluator.space.parse("depth=1 op=conv")[None], np.array([4]), np.array([1]))
    assert single["validation_accuracy"][0] == 0.5043  # its only training
    header = evaluator.table.header
    assert (header.licence, header.source, header.citation) == ("CC-BY-4.0", "my cluster", "me")
    assert set(header.provenance) == {"importer", "pynascent", "source results.csv", "source schema.toml"}


def test_csv_with_a_named_space_and_strings(bring):
    space = ChainSpace(stages=1, blocks=1, widths=(4, 8))
    rows = np.concatenate(list(space.enumerate()))
    schema = (
        'name = "Chain"\nepochs = 5\n[space]\nspace = "chain"\nstages = 1\nblocks = 1\nwidths = [4, 8]\n'
        "[metrics.validation_accuracy]\n"
    )
    by_string = "architecture,validation_accuracy\n" + "\n".join(
        f"{space.to_string(row)},0.{i + 10}" for i, row in enumerate(rows)
    )
    by_index = "index,validation_accuracy\n" + "\n".join(f"{i},0.{i + 10}" for i in range(len(rows)))
    one, other = bring(by_string, schema), bring(by_index, schema)
    assert one.header.sha256 == other.header.sha256
    evaluator = TableEvaluator(one)
    assert evaluator.space == space
    assert evaluator.column("validation_accuracy")[3] == 0.13
    # No times are given: an epoch costs a nominal second.
    assert evaluator.evaluate(rows[:1], np.array([5]), np.array([0])).cost_seconds[0] == 5.0


def test_schema_as_json(tmp_path, data_home):
    results, schema = tmp_path / "r.csv", tmp_path / "s.json"
    results.write_text("a,epochs,score\n1,2,0.5\n2,2,0.25\n")
    schema.write_text(json.dumps({
        "name": "J", "space": {"choices": {"a": [1, 2]}}, "search_metric": "score",
        "metrics": {"score": {"unit": "fraction", "split": "validation", "maximize": True}},
    }))  # fmt: skip
    (table,) = import_tables("csv", ImportRequest([schema, results], name="Named"))
    assert table.header.name == "Named"
    assert TableEvaluator(table).column("score").tolist() == [0.5, 0.25]


def edit(number, **changes):
    """Return the file with some fields of one line changed."""
    found, names = lines(), HEADER.split(",")
    values = dict(zip(names, found[number].split(","), strict=True)) | {k: str(v) for k, v in changes.items()}
    found[number] = ",".join(values[name] for name in names)
    return "\n".join([HEADER, *found])


@pytest.mark.parametrize(("text", "message"), [
    (edit(2, op="dense"), r"results\.csv, line 4: op is 'dense': allowed are conv, pool, skip"),
    (edit(2, epochs="four"), "line 4: epochs is 'four', it must be a whole number"),
    (edit(2, epochs=0), "line 4: epochs is '0'"),
    (edit(2, seed=-3), "line 4: seed is '-3'"),
    (edit(2, validation_accuracy="n/a"), "line 4: validation_accuracy is 'n/a', it must be a number"),
    (edit(2, validation_accuracy="nan"), "line 4: validation_accuracy is NaN"),
    (edit(2, validation_accuracy=""), "line 4: validation_accuracy is empty"),
    (edit(2, validation_accuracy="inf"), "line 4: validation_accuracy is 'inf', it must be a number"),
    (edit(2, validation_accuracy="8_1.2"), "line 4: validation_accuracy is '8_1.2', it must be a number"),
    (edit(2, validation_accuracy="٨١"), "line 4: validation_accuracy is '٨١', it must be a number"),
    (edit(2, validation_accuracy="0x50"), "line 4: validation_accuracy is '0x50', it must be a number"),
    (edit(2, validation_accuracy="1e999"), "line 4: validation_accuracy is '1e999', it must be a number"),
    (edit(2, epochs="3_6"), "line 4: epochs is '3_6', it must be a whole number"),
    (edit(2, seed="7.0"), "line 4: seed is '7.0', it must be a whole number"),
    (edit(2, validation_accuracy="81,2"), "line 4: 10 cells where the header has 9: decimals are written with a point"),
    ("\n".join([HEADER, *lines()]).replace(",100,10", ",100"), "line 2: 8 cells where the header has 9"),
    (HEADER.replace("flops", "") + "\n", "column 9 has no name"),
    (edit(2, validation_accuracy=101), "validation_accuracy = 1.01 for row 1, depth=1 op=pool is outside 0 to 1"),
    (edit(2, test_accuracy="93.2"), "test_accuracy = 93.2 for row 1, .* look like percent"),
    (edit(3, seed=7), "line 5: the same architecture, epochs and seed as line 4"),
    (edit(2, flops=99), r"line \d+: flops is \S+ where another line of the same architecture has"),
    ("\n".join([HEADER, *lines()[:-3]]), "'validation_accuracy' has no value .* at 36 epochs for row 5|are missing"),
    ("\n".join([HEADER, *[x for x in lines() if not x.startswith("1,skip")]]),
     "1 of 6 architectures are missing, the first is depth=1 op=skip: add them, or declare the table partial"),
    ("\n".join([HEADER, *[x for x in lines() if not x.startswith("1,skip,4")]]),
     r"'validation_accuracy' has no value \(NaN\) at 4 epochs for row 2, depth=1 op=skip"),
    (HEADER, "no lines below"),
    ("", "has no column"),
    (HEADER.replace("flops", "macs") + "\n", "has no column 'flops'"),
    (HEADER.replace("op,", "") + "\n", "does not say which architecture"),
    (HEADER.replace("epochs,", "") + "\n", "no column 'epochs'"),
    (HEADER + ",notes\n", "column 'notes' is not in the schema"),
    (HEADER + ",flops\n", "there twice"),
    ('"unclosed', "no column|cannot be read as CSV"),
])  # fmt: skip
def test_csv_that_is_wrong(bring, data_home, text, message):
    with pytest.raises(TableError, match=message):
        bring(text)
    assert not data_home.exists()


def test_blanks_after_commas_are_no_part_of_names_and_cells(bring):
    plain = bring()
    spaced = bring("\n".join(line.replace(",", ", ") for line in [HEADER, *lines()]))
    assert spaced.header.sha256 == plain.header.sha256


def test_columns_beside_the_schema_can_be_ignored(bring):
    text = "\n".join([HEADER + ",notes,gpu", *(line + ",any text,3" for line in lines())])
    ignoring = SCHEMA.replace("[space]", 'ignore = ["notes", "gpu"]\n[space]', 1)
    assert bring(text, ignoring).header.sha256 == bring().header.sha256
    with pytest.raises(TableError, match="'gpu' is not in the schema: describe it, drop it, or say ignore"):
        bring(text, SCHEMA.replace("[space]", 'ignore = ["notes"]\n[space]', 1))
    for wrong, message in (("noted", "which the schema ignores, is not there"), ("flops", "is described all the same")):
        with pytest.raises(TableError, match=message):
            bring(text, SCHEMA.replace("[space]", f'ignore = ["{wrong}"]\n[space]', 1))


@pytest.mark.parametrize(("name", "unit", "said", "maximize"), [
    ("skill", "points", "", None), ("skill", "points", "maximize = true", True),
    ("skill", "points", "maximize = false", False), ("skill", "images/s", "", True), ("skill_loss", "nats", "", False),
    ("skill_error", "fraction", 'split = "validation"', False), ("skill", "fraction", 'split = "validation"', True),
])  # fmt: skip
def test_the_direction_of_a_search_metric_is_known_or_asked_for(bring, name, unit, said, maximize):
    text = f"depth,op,epochs,{name}\n" + "\n".join(f"{d},{op},4,0.5" for d in (1, 2) for op in ("conv", "pool", "skip"))
    schema = SCHEMA[: SCHEMA.index("[metrics.")].replace("[space]", f'search_metric = "{name}"\n[space]', 1)
    schema += f'[metrics.{name}]\nunit = "{unit}"\n{said}\n'
    if maximize is None:
        with pytest.raises(TableError, match="does not follow from its unit: say maximize = true or false"):
            bring(text, schema)
    else:
        assert bring(text, schema).column(name).metric.maximize is maximize


def test_a_partial_csv_can_be_declared(bring):
    text = "\n".join([HEADER, *[line for line in lines() if not line.startswith("1,skip")]])
    for table in (bring(text, partial=True), bring(text, SCHEMA.replace("[space]", "partial = true\n[space]", 1))):
        assert table.header.partial and table.header.rows == 5


@pytest.mark.parametrize(("change", "message"), [
    (("[space.choices]", "[space.options]"), "space"),
    (('label = "my space"', 'space = "chian"'), "search space 'chian' is unknown|cannot be built"),
    (('unit = "percent"', 'unit = "seconds"'), "accuracy' is in 'seconds', it must be in fraction, percent"),
    (('unit = "percent"', 'unit = "percent"\nsplit = "test"'), "is of the split validation, not test"),
    (('unit = "percent"', 'unit = "percent"\nhidden = 1'), "'hidden' is unknown here"),
    (('unit = "percent"', 'unit = "percent"\nper = "architecture"'), "not among its metrics of trainings"),
    (('unit = "percent"', 'unit = "percent"\ngaps = true'), "may have gaps only"),
    (("[metrics.flops]", "[metrics.Flops]"), "name"),
    (("[metrics.flops]", "[metrics.top_accuracy]\nunit = \"percent\"\n[metrics.flops]"), "needs split"),
    (('name = "Mine"', 'name = "../Mine"'), "no table name"),
    (('name = "Mine"', 'search_metric = "flops"\nname = "Mine"'), "search_metric 'flops'"),
    (('name = "Mine"', 'search_metric = "test_accuracy"\nname = "Mine"'), "a search must not see it"),
    (('name = "Mine"', 'cost_metric = "hours"\nname = "Mine"'), "cost_metric 'hours'"),
    (('name = "Mine"', ""), "name"),
    (('name = "Mine"', 'name = "Mine'), "cannot be read"),
    (('name = "Mine"', 'name = "Mine"\nfidelities = [5]'), "fidelities"),
    (('unit = "us"', 'unit = "s"'), "latency_ms = 100000 ms .* looks like microseconds"),
    (('unit = "MMACs"', 'unit = "FLOPs"'), "looks like millions"),
    (('unit = "min"', 'unit = "h"\nupper = 1'), "training_seconds = 3600 for row 0"),
])  # fmt: skip
def test_a_schema_that_is_wrong(bring, data_home, change, message):
    schema = SCHEMA.replace(*change, 1)
    assert schema != SCHEMA
    text = "\n".join([HEADER, *lines()])
    with pytest.raises(TableError, match=message):
        bring(text, schema)
    assert not data_home.exists()


def test_a_schema_may_name_a_space_of_ones_own(bring, tmp_path, monkeypatch):
    (tmp_path / "myspaces.py").write_text(
        "from pynascent.envs.tables import CategoricalSpace\n"
        "class Mine(CategoricalSpace):\n"
        "    def __init__(self):\n"
        "        super().__init__({'depth': [1, 2], 'op': ['conv', 'pool', 'skip']})\n"
        "    def config(self):\n"
        "        return {}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    schema = (
        SCHEMA[: SCHEMA.index("[space]")] + '[space]\nspace = "myspaces:Mine"\n' + SCHEMA[SCHEMA.index("[metrics") :]
    )
    table = bring(schema=schema)
    with pytest.raises(TableError, match="no file may name code to run: pass it yourself"):
        TableEvaluator(table)
    assert TableEvaluator(table, space={"space": "myspaces:Mine"}).fidelities == (4, 36)


# -- npz ----------------------------------------------------------------------------------------------------

NPZ_SCHEMA = """
name = "Arrays"
[space.choices]
depth = [1, 2]
op = ["conv", "pool", "skip"]
[metrics.validation_accuracy]
[metrics.training_seconds]
[metrics.latency_ms]
gaps = true
"""


def arrays():
    rng = np.random.default_rng(0)
    accuracy = rng.integers(100, 1000, (6, 2, 3)) / 1000
    accuracy[2, 1, 2] = np.nan
    return {
        "index": np.array([5, 3, 1, 0, 2, 4]),
        "epochs": np.array([10, 20]),
        "validation_accuracy": accuracy,
        "training_seconds": rng.random((6, 2)).astype(np.float32) * 100,
        "latency_ms": np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0]),
    }


@pytest.fixture
def bring_arrays(tmp_path, data_home):
    def run(found, schema=NPZ_SCHEMA, **arguments):
        results, described = tmp_path / "results.npz", tmp_path / "schema.toml"
        np.savez(results, **found)
        described.write_text(schema)
        (table,) = import_tables("npz", ImportRequest([results, described], **arguments), force=True)
        return table

    return run


def test_npz(bring_arrays):
    found = arrays()
    evaluator = TableEvaluator(bring_arrays(found))
    architectures = evaluator.space.from_index(found["index"])
    for seed in range(3):
        result = evaluator.evaluate(architectures, np.full(6, 20), np.full(6, seed))
        given = found["validation_accuracy"][:, 1, seed].copy()
        given[2] = found["validation_accuracy"][2, 1, seed % 2]
        np.testing.assert_array_equal(result["validation_accuracy"], given)
        np.testing.assert_array_equal(result.cost_seconds, found["training_seconds"][:, 1].astype(float))
        np.testing.assert_array_equal(result["latency_ms"], found["latency_ms"])
    by_architecture = {k: v for k, v in found.items() if k != "index"} | {"architectures": architectures}
    assert bring_arrays(by_architecture).header.sha256 == evaluator.table.header.sha256


@pytest.mark.parametrize(("change", "message"), [
    ({"validation_accuracy": np.array(["a"] * 6)}, "must be of numbers"),
    ({"validation_accuracy": np.array([{}] * 6, dtype=object)}, "cannot be read as an npz"),
    ({"extra": np.zeros(6)}, "'extra' is not in the schema"),
    ({"epochs": np.array([20, 10])}, "ascending"),
    ({"epochs": np.array([10.0, 20.0])}, "ascending"),
    ({"epochs": np.array([10])}, "it must have"),
    ({"latency_ms": np.zeros((6, 2))}, "latency_ms has the shape"),
    ({"index": np.array([5, 3, 1, 0, 2, 6])}, "architecture index 6 is outside"),
    ({"index": np.array([5, 3, 1, 0, 2, 5])}, "is there twice"),
    ({"index": np.zeros(6)}, "of whole numbers"),
    ({"architectures": np.zeros((6, 2), dtype=int)}, "one of 'architectures'"),
    ({"training_seconds": np.full((6, 2), np.nan)}, "'training_seconds' has no value"),
])  # fmt: skip
def test_npz_that_is_wrong(bring_arrays, data_home, change, message):
    with pytest.raises(TableError, match=message):
        bring_arrays(arrays() | change)
    assert not data_home.exists()


def test_npz_without_an_array(bring_arrays):
    for name in ("index", "epochs", "latency_ms"):
        with pytest.raises(TableError, match=name if name != "index" else "architectures"):
            bring_arrays({key: value for key, value in arrays().items() if key != name})


def test_files_that_are_not_there_or_too_many(tmp_path, data_home):
    with pytest.raises(TableError, match="takes two files"):
        list(import_tables("csv", ImportRequest([tmp_path / "a.csv"])))
    with pytest.raises(TableError, match="there is no file"):
        list(import_tables("npz", ImportRequest([tmp_path / "a.npz", tmp_path / "s.toml"])))
    (tmp_path / "a.npz").write_bytes(b"no zip")
    (tmp_path / "s.toml").write_text(NPZ_SCHEMA)
    with pytest.raises(TableError, match="cannot be read as an npz file"):
        list(import_tables("npz", ImportRequest([tmp_path / "a.npz", tmp_path / "s.toml"])))
    with pytest.raises(TableError, match="the kind 'excel' is unknown: known are nats-bench"):
        list(import_tables("excel", ImportRequest([])))
