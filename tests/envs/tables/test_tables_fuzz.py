"""1,000 mutated table files: a clear error or a table that can be read, and nothing else happens."""

import copy
import json
import os
import pickle
import random
import resource
import struct
import sys
import time

import numpy as np
import pytest

from pynascent.envs.tables import MEAN_SEED, Table, TableError, TableEvaluator, space_of_config, verify_table

FILES = 1000
# Sizes, types and texts that a header has no use for.
HOSTILE = [
    -1, 0, 1, 2, 63, 64, 2**16, 2**31, 2**40, 2**62, 2**63, 2**64, -(2**63), 10**19, 0.5, -0.0, 1e308, 1e-320,
    True, False, None, "", "object", "O", "|O", "<f8", "float64", "uint8", "int64", "float16", "../../../tmp/x",
    "/etc/passwd", "a\0b", "os:system", "pynascent.envs.spaces:ChainSpace", "builtins:eval", "x" * 5000,
    "__import__('os').system('true')", [], {}, [[]], [-1], [2**62] * 3, [1] * 70000, {"space": "os:system"},
    {"dtype": "uint8", "offset": 0, "shape": [72]}, [[[[[[[[1]]]]]]]], ["validation_accuracy"],
]  # fmt: skip


class Watch:
    """Records, through an audit hook, what no reading of a table may do."""

    FORBIDDEN = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "socket.connect", "exec", "os.remove",
                 "os.rename", "os.mkdir", "shutil.rmtree")  # fmt: skip

    def __init__(self) -> None:
        self.on, self.seen = False, []
        sys.addaudithook(self.hook)  # cannot be taken off again

    def hook(self, event, arguments):
        if not self.on:
            return
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if writes or event in self.FORBIDDEN:
            self.seen.append((event, str(arguments)[:200]))


class Bomb:
    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


def places(value, path=()):
    """Yield the path of every value in a JSON tree."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for key, item in enumerate(value):
            yield from places(item, (*path, key))


def spoil_header(data: bytes, rng: random.Random, surgery) -> bytes:
    """Replace, drop or add one to three values of the header; its checksum is right."""
    header = copy.deepcopy(surgery.header_of(data))
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(list(places(header))[1:])
        target = header
        for key in path[:-1]:
            target = target[key]
        action = rng.random()
        if action < 0.15:
            del target[path[-1]]
        elif action < 0.25 and isinstance(target, dict):
            target[rng.choice(["rows", "dtype", "evil", "offset", "missing"])] = rng.choice(HOSTILE)
        elif action < 0.45 and type(target[path[-1]]) is int:
            target[path[-1]] += rng.choice([-64, -1, 1, 64, 2**32])
        else:
            target[path[-1]] = rng.choice(HOSTILE)
    return surgery.rebuilt(data, json.dumps(header).encode())


def flip_bits(data: bytes, rng: random.Random, start: int, end: int) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        spoilt[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def mutate(data: bytes, rng: random.Random, surgery) -> bytes:
    """Return a damaged or hostile version of a file."""
    head = struct.unpack_from("<I", data, 12)[0] + 64
    kind = rng.randrange(8)
    if kind == 0:
        return data[: rng.randrange(len(data))]
    if kind == 1:
        return flip_bits(data, rng, 0, len(data))
    if kind == 2:
        return flip_bits(data, rng, 0, head)
    if kind == 3:  # bits of the header, with its checksum made right: the text itself has to be refused
        return surgery.rebuilt(data, flip_bits(data, rng, 64, head)[64:head])
    if kind == 4:  # a pickle in the place of arrays, or of all
        bomb = pickle.dumps(Bomb())
        return bomb if rng.random() < 0.3 else data[: head + 200] + bomb + data[head + 200 + len(bomb) :]
    if kind == 5:
        return data + rng.randbytes(rng.choice([1, 64, 4096]))
    return spoil_header(data, rng, surgery)


def use(path) -> None:
    """Do everything with a file that one can do with a table."""
    table = Table(path)
    evaluator = TableEvaluator(table)
    architectures = evaluator.architectures()[:5]
    for seed in (0, MEAN_SEED):
        b = len(architectures)
        result = evaluator.evaluate(architectures, np.full(b, evaluator.fidelities[-1]), np.full(b, seed))
        for name in result.metrics:
            assert result[name].shape == (b,)
    for name in evaluator.metrics:
        evaluator.column(name)
    list(verify_table(table, space_of_config(table.header.space)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # damaged floats overflow
def test_mutated_files(known, written, tmp_path, monkeypatch, surgery):
    listed = known.space.sample(np.random.default_rng(0), 40)
    part = np.unique(listed, axis=0)
    keep = [int(np.flatnonzero((known.architectures == row).all(axis=1))[0]) for row in part]
    metrics = known.data().metrics
    for data in metrics:
        data.values = data.values[keep]
    partial = known.data(architectures=part, metrics=metrics, partial=True).write(tmp_path / "part.nastable").path
    sources = [written.read_bytes(), partial.read_bytes()]
    for source in (written, partial):
        use(source)
    monkeypatch.chdir(tmp_path)
    folder, rng, watch = tmp_path / "mutated", random.Random(0), Watch()
    folder.mkdir()
    path = folder / "t.nastable"
    refused, unread, started = 0, [], time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(FILES):
        data = mutate(sources[number % 2], rng, surgery)
        path.write_bytes(data)
        watch.on = True
        try:
            use(path)
            unread.append(data)
        except TableError as error:
            refused += 1
            assert str(error) and len(str(error)) < 1000
        finally:
            watch.on = False
    assert watch.seen == []
    assert not list(tmp_path.rglob("EXECUTED"))
    assert [found.name for found in folder.iterdir()] == ["t.nastable"]
    assert time.perf_counter() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 300_000  # kilobytes
    # What is left undetected changed nothing that a table means: texts, bounds and names of things.
    assert refused > 0.8 * FILES


def test_a_table_may_not_name_code(written, tmp_path, surgery):
    data = written.read_bytes()
    header = surgery.header_of(data)
    header["space"] = {"space": "antigravity:Space"}
    path = tmp_path / "t.nastable"
    path.write_bytes(surgery.rebuilt(data, json.dumps(header).encode()))
    with pytest.raises(TableError, match="no file may name code"):
        TableEvaluator(path)
    assert "antigravity" not in sys.modules
    with pytest.raises(TableError, match="does not get to import"):
        list(verify_table(Table(path), space_of_config(header["space"])))
