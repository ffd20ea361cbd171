"""The file format: what is written comes back, and files that are not as they must be are refused."""

import copy
import json
import pickle
import struct
import threading

import numpy as np
import pytest

from pynascent.envs.tables import MissingTableError, Table, TableError
from pynascent.envs.tables.blocks import encode
from pynascent.envs.tables.format import MAX_HEADER


@pytest.mark.parametrize("values", [
    np.array([0.9437, 0.1, 1.0, 0.0]),
    np.array([94.37, 12.5]) / 100,
    np.arange(300.0),
    np.array([-3.0, 2.0]),
    np.array([2.0**40, 1.0]),
    np.array([np.pi, 1e-9]),
    np.array([0.25, np.nan, 0.5]),
    np.array([np.pi, np.nan]),
    np.array([-np.pi, np.nan]),
    np.array([255.0, np.nan]),
])  # fmt: skip
def test_values_come_back(values):
    raw, coding = encode(values)
    # Values that were computed (94.37 / 100) may come back as the nearest decimal, one unit in the last place off.
    np.testing.assert_allclose(coding.decode(raw), values, rtol=3e-16, atol=0)


def test_small_types_are_chosen():
    assert encode(np.array([0.9437, 0.1]))[0].dtype == np.uint16
    assert encode(np.array([0.5, 0.25]))[0].dtype == np.uint8
    assert encode(np.array([255.0, np.nan]))[0].dtype == np.uint16  # 255 would stand for NaN in uint8
    assert encode(np.float32([0.1, 0.2]).astype(float))[0].dtype == np.float32


def test_rounded_sources_come_back_as_exact_fractions():
    true = np.array([21223, 2, 24999]) / 25000
    raw, coding = encode(np.float32(true * 100).astype(float) / 100, 25000, 1e-7)
    assert raw.dtype == np.uint16
    np.testing.assert_array_equal(coding.decode(raw), true)


def test_table_holds_what_was_written(known, written):
    table = Table(written)
    assert table.header.rows == len(known.architectures)
    assert table.header.licence == "CC0-1.0"
    assert dict(table.header.provenance) == {"importer": "test"}
    place = known.space.index(known.architectures)
    np.testing.assert_array_equal(table.values("flops")[place], known.flops)
    np.testing.assert_array_equal(table.values("edge_latency_ms")[place], known.edge)
    given = ~np.isnan(known.accuracy)
    np.testing.assert_array_equal(table.values("validation_accuracy")[place][given], known.accuracy[given])
    np.testing.assert_array_equal(table.values("training_seconds")[place], known.seconds)
    table.verify_checksum()


def test_same_data_give_the_same_bytes(known, written, tmp_path):
    again = known.data().write(tmp_path / "again.nastable").path
    assert again.read_bytes() == written.read_bytes()


def test_arrays_are_read_only_and_shared_until_the_last_goes(written):
    table = Table(written)
    array = table.raw(table.column("flops").block)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    before = array.copy()
    table.close()
    np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(table.raw(table.column("flops").block), before)  # mapped again


def test_copies_hold_the_path_and_refuse_other_contents(known, tmp_path):
    table = known.data().write(tmp_path / "t.nastable")
    packed = pickle.dumps(table)
    assert len(packed) < 1000
    np.testing.assert_array_equal(copy.deepcopy(table).values("flops"), table.values("flops"))
    known.data(metrics=known.data().metrics[:2]).write(tmp_path / "t.nastable")
    with pytest.raises(TableError, match="changed since it was opened"):
        pickle.loads(packed)


def test_replacing_a_table_leaves_open_ones_as_they_were(known, tmp_path):
    table = known.data().write(tmp_path / "t.nastable")
    before = table.values("flops")
    other = known.data()
    other.metrics[3].values = other.metrics[3].values + 1
    other.write(tmp_path / "t.nastable")
    np.testing.assert_array_equal(table.values("flops"), before)


def test_a_failed_write_leaves_nothing_and_keeps_the_old_file(known, tmp_path, monkeypatch):
    known.data().write(tmp_path / "t.nastable")
    before = (tmp_path / "t.nastable").read_bytes()

    def refuse(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("pynascent.envs.tables.format.os.fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        known.data(name="other").write(tmp_path / "t.nastable")
    assert (tmp_path / "t.nastable").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.nastable"]


def test_concurrent_readers_agree(known, written):
    table, found = Table(written), []
    threads = [threading.Thread(target=lambda: found.append(table.values("flops"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(values, found[0]) for values in found)


def test_missing_file(tmp_path):
    with pytest.raises(MissingTableError, match="no table file"):
        Table(tmp_path / "none.nastable")


@pytest.mark.parametrize(("change", "message"), [
    (lambda d: b"", "does not begin like one"),
    (lambda d: d[:30], "does not begin like one"),
    (lambda d: b"PK" + d[2:], "does not begin like one"),
    (lambda d: d[:8] + struct.pack("<I", 2) + d[12:], "version 2"),
    (lambda d: d[:12] + struct.pack("<I", MAX_HEADER + 1) + d[16:], "is not allowed"),
    (lambda d: d[:12] + struct.pack("<I", 0) + d[16:], "is not allowed"),
    (lambda d: d[:24] + b"x" + d[25:], "is not allowed"),
    (lambda d: d[:80], "ends within its header"),
    (lambda d: d[:100] + bytes([d[100] ^ 1]) + d[101:], "does not match its checksum"),
    (lambda d: d[:-64], "cut off or damaged"),
    (lambda d: d + bytes(64), "cut off or damaged"),
])  # fmt: skip
def test_damaged_files_are_refused(written, tmp_path, change, message):
    path = tmp_path / "bad.nastable"
    path.write_bytes(change(written.read_bytes()))
    with pytest.raises(TableError, match=message):
        Table(path)


def test_a_changed_array_is_found_by_the_checksum(written, tmp_path):
    data = bytearray(written.read_bytes())
    data[-100] ^= 4
    path = tmp_path / "bad.nastable"
    path.write_bytes(data)
    with pytest.raises(TableError, match="damaged"):
        Table(path).verify_checksum()


@pytest.mark.parametrize("not_a_file", ["/", "/dev/null"])
def test_what_is_no_file_is_refused(not_a_file):
    with pytest.raises(TableError, match="is not a file"):
        Table(not_a_file)


def column(header, name="flops"):
    return next(c for c in header["columns"] if c["name"] == name)


@pytest.mark.parametrize(("hostile", "message"), [
    (lambda h: h.update(rows=-1), "rows"),
    (lambda h: h.update(rows=10**18), "rows"),
    (lambda h: h.update(rows=True), "rows"),
    (lambda h: h.update(rows=71), "shape"),
    (lambda h: h.update(name="../../etc/passwd"), "name"),
    (lambda h: h.update(unknown=1), "is unknown here"),
    (lambda h: h.pop("sha256"), "sha256"),
    (lambda h: h.update(space={"space": "chain", "blocks": 10**9}), "65536"),
    (lambda h: h.update(space="chain"), "space"),
    (lambda h: h.update(columns=[]), "columns"),
    (lambda h: h["columns"].append(dict(column(h), block={"dtype": "uint8", "offset": 0, "shape": [72]})), "twice"),
    (lambda h: column(h)["block"].update(dtype="object"), "dtype"),
    (lambda h: column(h)["block"].update(dtype="O"), "dtype"),
    (lambda h: column(h)["block"].update(dtype="complex128"), "dtype"),
    (lambda h: column(h)["block"].update(dtype="float64"), "overlap|ends at"),
    (lambda h: column(h)["block"].update(offset=-64), "offset"),
    (lambda h: column(h)["block"].update(offset=2**60), "offset"),
    (lambda h: column(h)["block"].update(offset=2**40), "ends at byte"),
    (lambda h: column(h)["block"].update(offset=1), "multiple of 64"),
    (lambda h: column(h)["block"].update(offset=0), "overlap"),
    (lambda h: column(h)["block"].update(shape=[2**62, 2**62]), "shape"),
    (lambda h: column(h).update(divide=0), "divide"),
    (lambda h: column(h).update(epochs=[3, 1]), "ascend"),
    (lambda h: column(h).update(missing=-1.0), "missing"),
    (lambda h: column(h).update(split="secret"), "split"),
    (lambda h: column(h).update(lower=2, upper=1), "lower"),
    (lambda h: h.update(search_metric="flops"), "search metric"),
    (lambda h: h.update(fidelities=[2]), "fidelities"),
    (lambda h: h.update(cost_metric="isi"), "cost"),
    (lambda h: h.update(canonical=True), "needs an index"),
    (lambda h: h.update(payload_bytes=64), "ends at byte"),
    (lambda h: h.update(provenance={"a": 1}), "provenance"),
])  # fmt: skip
def test_hostile_headers_are_refused(written, tmp_path, hostile, message, surgery):
    data = written.read_bytes()
    header = surgery.header_of(data)
    hostile(header)
    path = tmp_path / "bad.nastable"
    path.write_bytes(surgery.rebuilt(data, json.dumps(header).encode()))
    with pytest.raises(TableError, match=message):
        Table(path)


@pytest.mark.parametrize(("text", "message"), [
    (b"[" * 200_000, "nested too deep|no valid JSON"),
    (b'{"a":' * 100_000, "nested too deep|no valid JSON"),
    (b"\xff\xfe\x00", "no valid JSON"),
    (b'{"rows": NaN}', "NaN"),
    (b'{"rows": 1e999}', "out of range"),
    (b'{"rows": ' + b"9" * 100_000 + b"}", "digits"),
    (b'{"rows": 1, "rows": 2}', "there twice"),
    (b"[]", "not a JSON object"),
    (b"  ", "no valid JSON"),
])  # fmt: skip
def test_json_bombs_are_refused(written, tmp_path, text, message, surgery):
    path = tmp_path / "bad.nastable"
    path.write_bytes(surgery.rebuilt(written.read_bytes(), text))
    with pytest.raises(TableError, match=message):
        Table(path)
