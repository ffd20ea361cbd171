"""An info that is made when it is looked at cannot be told from a dict, through whichever door."""

import copy
import json
import operator
import pickle
from collections import ChainMap, OrderedDict
from collections.abc import Mapping
from pprint import pformat

import pytest

from pynascent.envs.fast.lazy_info import LazyInfo

CONTENT = {"a": 1, "b": [2, 3], "c": {"d": None}}


def merged_in_place(info):
    info |= {"z": 1}
    return info


def unpacked(**entries):
    return entries


def updated(info):
    target = {"a": 0, "y": 9}
    target.update(info)
    return target


def matched(info):
    match info:
        case {"a": value, **rest}:
            return value, rest
    return None


def setdefault(info):
    return info.setdefault("a", 9), info.setdefault("new", 9), dict(info)


def popped(info):
    return info.pop("a"), info.pop("none", 4), dict(info)


def deleted(info):
    del info["a"]
    return dict(info)


def assigned(info):
    info["a"] = 5
    info["q"] = 6
    return list(info.items())


def error_of(function):
    def call(info):
        try:
            return function(info)
        except Exception as error:
            return type(error), str(error)

    return call


DOORS = {
    "index": lambda i: i["b"],
    "index that is missing": error_of(lambda i: i["none"]),
    "get": lambda i: (i.get("a"), i.get("none"), i.get("none", 3)),
    "in": lambda i: ("a" in i, "none" in i),
    "len": len,
    "bool": bool,
    "iter": list,
    "next": lambda i: next(iter(i)),
    "reversed": lambda i: list(reversed(i)),
    "keys": lambda i: list(i.keys()),
    "values": lambda i: list(i.values()),
    "items": lambda i: list(i.items()),
    "keys as a set": lambda i: i.keys() & {"a", "x"},
    "sorted": sorted,
    "dict()": dict,
    "dict() and more": lambda i: dict(i, z=1),
    "display": lambda i: {**i, "z": 1},
    "**": lambda i: unpacked(**i),
    "| left": lambda i: i | {"z": 1},
    "| right": lambda i: {"a": 0, "z": 1} | i,
    "|=": merged_in_place,
    "into |=": lambda i: {"a": 0}.__ior__(i),
    "update of another": updated,
    "update": lambda i: (i.update({"a": 7}), dict(i)),
    "copy()": lambda i: i.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda i: pickle.loads(pickle.dumps(i)),
    "old pickle": lambda i: pickle.loads(pickle.dumps(i, protocol=0)),
    "json": json.dumps,
    "json, indented": lambda i: json.dumps(i, indent=1, sort_keys=True),
    "repr": repr,
    "str": str,
    "format": lambda i: f"{i}",
    "pformat": pformat,
    "==": lambda i: (i == CONTENT, i == {}),
    "== from the other side": lambda i: (operator.eq(CONTENT, i), operator.eq({}, i)),
    "!=": lambda i: (i != CONTENT, i != {}),
    "!= from the other side": lambda i: (operator.ne(CONTENT, i), operator.ne({}, i)),
    "match": matched,
    "pop": popped,
    "pop of nothing": error_of(lambda i: i.pop("none")),
    "popitem": lambda i: (i.popitem(), dict(i)),
    "setdefault": setdefault,
    "del": deleted,
    "assign": assigned,
    "clear": lambda i: (i.clear(), dict(i)),
    "comprehension": lambda i: {k: v for k, v in i.items()},
    "list of a zip": lambda i: list(zip(i, i.values(), strict=True)),
    "isinstance": lambda i: (isinstance(i, dict), isinstance(i, Mapping)),
    "hash": lambda i: error_of(hash)(i)[0],
    "ChainMap": lambda i: dict(ChainMap({}, i)),
    "OrderedDict": OrderedDict,
    "dict.fromkeys": dict.fromkeys,
    "max": max,
    "format_map": lambda i: "{a} {b}".format_map(i),
    "None as a key": lambda i: (error_of(lambda j: j[None])(i), None in i),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_shows_what_a_dict_shows(door):
    look = DOORS[door]
    expected = look(copy.deepcopy(CONTENT))
    found = look(LazyInfo(lambda: copy.deepcopy(CONTENT)))
    assert found == expected or repr(found).replace("LazyInfo", "dict") == repr(expected)
    if isinstance(expected, dict):
        assert dict(found.items()) == expected and list(found) == list(expected)
    # The same holds when it was looked at before.
    filled = LazyInfo(lambda: copy.deepcopy(CONTENT))
    len(filled)
    again = look(filled)
    assert again == expected or repr(again) == repr(expected)


@pytest.mark.parametrize("door", [name for name in DOORS if name not in ("isinstance", "hash")])
def test_it_is_filled_once_and_only_when_looked_at(door):
    fills = []

    def fill():
        fills.append(1)
        return copy.deepcopy(CONTENT)

    info = LazyInfo(fill)
    assert not fills
    DOORS[door](info)
    assert fills == [1]
    len(info), info.get("a"), repr(info), "a" in info, list(info)
    assert fills == [1]


def test_copies_are_plain_dicts_of_their_own():
    info = LazyInfo(lambda: copy.deepcopy(CONTENT))
    for twin in (copy.copy(info), copy.deepcopy(info), pickle.loads(pickle.dumps(info)), info.copy(), dict(info)):
        assert type(twin) is dict
        twin["a"] = "changed"
    deep = copy.deepcopy(info)
    deep["b"].append(4)
    assert info == CONTENT


def test_a_fill_that_fails_says_so_again_and_again():
    """A failure is not swallowed: nobody is shown an empty info."""

    def fill():
        raise RuntimeError("the evaluator is gone")

    info = LazyInfo(fill)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="is gone"):
            len(info)
