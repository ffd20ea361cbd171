"""An ``info`` whose expensive entries are made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_UNFILLED = object()


class LazyInfo(dict):
    """A dict that fills itself at the first look at its content.

    Every way of reading it (index, ``in``, iteration, comparison, copying, pickling, ``**``) fills it first,
    so that it cannot be told from a plain dict. An entry of ``alone`` that is asked for by index is made without
    the rest: agents look at the action mask in every step.

    Args:
        fill: returns the content. What it reads must not change after the step that made it.
        alone: name → function that returns the entry; these come before the rest.
    """

    def __init__(
        self, fill: Callable[[], dict[str, Any]], alone: Mapping[str, Callable[[], Any]] | None = None
    ) -> None:
        # Not empty, since C code (json's encoder) asks a dict's size behind its back before it asks for items.
        super().__init__({_UNFILLED: None})
        self._fill: Callable[[], dict[str, Any]] | None = fill
        self._alone = dict(alone or {})

    def _filled(self) -> LazyInfo:
        if self._fill is not None:
            made = {name: super(LazyInfo, self).get(name, _UNFILLED) for name in self._alone}
            content = {name: self._alone[name]() if value is _UNFILLED else value for name, value in made.items()}
            content.update(self._fill())
            super().clear()
            super().update(content)
            self._fill = None  # not before: a fill that fails is to fail again, not to leave nothing
        return self

    def __missing__(self, key: str) -> Any:
        """Fill, then look again."""
        if self._fill is None:
            raise KeyError(key)
        if key in self._alone:
            value = self._alone[key]()
            super().__setitem__(key, value)
            return value
        return self._filled()[key]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as a plain dict."""
        return dict, (dict(self._filled().items()),)


def _reader(name: str) -> Callable[..., Any]:
    plain = getattr(dict, name)

    def read(self: LazyInfo, *args: Any, **kwargs: Any) -> Any:
        self._filled()
        return plain(self, *args, **kwargs)

    read.__name__ = name
    read.__doc__ = plain.__doc__
    return read


# Everything that reads or changes a dict, so that no door is left open.
for _name in (
    "__contains__", "__iter__", "__len__", "__eq__", "__ne__", "__repr__", "__or__", "__ror__", "__ior__",
    "__reversed__", "__setitem__", "__delitem__", "get", "keys", "values", "items", "copy", "pop", "popitem",
    "setdefault", "update", "clear",
):  # fmt: skip
    setattr(LazyInfo, _name, _reader(_name))
