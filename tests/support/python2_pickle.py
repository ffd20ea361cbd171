"""Pickles as Python 2 wrote them, in which CIFAR is published: protocol 2, text as byte strings."""

import io
import pickle
import struct


class _Pickler(pickle._Pickler):  # the one in Python, whose methods can be replaced
    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def save_string(self, value):
        content = value.encode("latin1") if isinstance(value, str) else bytes(value)
        short = len(content) < 256
        self.write((b"U" + bytes([len(content)]) if short else b"T" + struct.pack("<i", len(content))) + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string

    def save_global(self, obj, name=None):
        module = {"numpy._core.multiarray": "numpy.core.multiarray"}.get(obj.__module__, obj.__module__)
        self.write(f"c{module}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch[type] = dispatch[type(len)] = dispatch[type(_ := lambda: None)] = save_global


def python2_pickle(value) -> bytes:
    """Return a pickle of containers, numbers, text and arrays."""
    file = io.BytesIO()
    _Pickler(file, protocol=2).dump(value)
    return file.getvalue()
