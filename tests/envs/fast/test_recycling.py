"""Memory that anyone still holds is never handed out again, and memory that nobody holds is."""

import copy
import pickle
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from pynascent.envs.fast.recycling import Recycler

SHAPE = (64, 5)


def holders():
    """Ways of holding on to an array: each returns what holds it."""
    return {
        "name": lambda a: a,
        "list": lambda a: [a],
        "dict": lambda a: {"obs": a},
        "slice": lambda a: a[3:4],
        "row": lambda a: a[3],
        "transposed": lambda a: a.T,
        "reshaped": lambda a: a.reshape(-1),
        "view": lambda a: a.view(np.int32),
        "view of a view": lambda a: a.T[1:][:, ::2][:1],
        "memoryview": memoryview,
        "part of a memoryview": lambda a: memoryview(a)[3:5],
        "iterator": iter,
        "flat": lambda a: a.flat,
        "closure": lambda a: lambda: a,
        "attribute": lambda a: SimpleNamespace(a=a),
        "bound method": lambda a: a.sum,
        "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
        "asarray": np.asarray,
        "frombuffer": lambda a: np.frombuffer(a, dtype=np.float32),
        "ctypes": lambda a: np.ctypeslib.as_array(a.ctypes),
        "real part": lambda a: a.real,
        "diagonal": lambda a: a.diagonal(),
        "dlpack": np.from_dlpack,
        "generator": lambda a: (x for x in a),
        "exception": lambda a: ValueError(a),
    }


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("way", holders())
def test_what_somebody_holds_keeps_its_content(way):
    recycler = Recycler(SHAPE, np.float32)
    array = recycler.array()
    array[:] = 1.0
    base = address(array)
    try:
        held = holders()[way](array)
    except TypeError as error:
        pytest.skip(f"not possible with this numpy: {error}")
    del array
    others = [recycler.array() for _ in range(20)]
    assert base not in [address(other) for other in others]
    for other in others:
        other[:] = 2.0
    assert held is not None
    del held, others
    # Once nobody holds it, it is used again.
    assert base in [address(array) for array in [recycler.array() for _ in range(4)]]


def test_memory_is_used_again_as_soon_as_nobody_holds_it():
    recycler = Recycler(SHAPE, np.float32)
    first = address(recycler.array())
    assert all(address(recycler.array()) == first for _ in range(50))


def test_a_kept_sequence_stays_as_it_was():
    """An agent's replay buffer: every tenth observation is kept, by a view, and never changes."""
    recycler, kept = Recycler(SHAPE, np.float32, most=3), []
    for step in range(300):
        array = recycler.array()
        array[:] = step
        if step % 10 == 0:
            kept.append((step, array[::2].T))
        del array
    assert all((view == step).all() for step, view in kept) and len(kept) == 30


def test_two_arrays_in_use_are_never_the_same():
    recycler = Recycler(SHAPE, np.float32, most=4)
    held = [recycler.array() for _ in range(50)]
    assert len({address(array) for array in held}) == 50
    for i, array in enumerate(held):
        array[:] = i
    assert all((array == i).all() for i, array in enumerate(held))


def test_no_more_arrays_are_kept_than_said():
    recycler = Recycler(SHAPE, np.float32, most=2)
    held = [recycler.array() for _ in range(10)]
    marks = [weakref.ref(array) for array in held]
    del held
    assert sum(mark() is not None for mark in marks) == 2


def test_copies_have_memory_of_their_own():
    recycler = Recycler(SHAPE, np.float32)
    base = address(recycler.array())
    for twin in (copy.copy(recycler), copy.deepcopy(recycler), pickle.loads(pickle.dumps(recycler))):
        arrays = [twin.array() for _ in range(6)]
        assert base not in [address(array) for array in arrays]
        assert arrays[0].shape == SHAPE and arrays[0].dtype == np.float32


def test_an_array_that_another_thread_holds_is_left_alone():
    recycler = Recycler(SHAPE, np.float32)
    holds, go = threading.Event(), threading.Event()
    seen = []

    def work():
        array = recycler.array()
        array[:] = 7.0
        holds.set()
        go.wait(10)
        seen.append(bool((array == 7.0).all()))

    thread = threading.Thread(target=work)
    thread.start()
    assert holds.wait(10)
    for _ in range(10):
        recycler.array()[:] = 1.0
    go.set()
    thread.join(10)
    assert seen == [True]
