"""A subclass must not hide a method of its base behind a value of the same name, which would fail much later."""

from __future__ import annotations

from typing import Any


class NoShadowing:
    """Refuses attributes that are no methods and have the name of one, in the class body and in instances."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the class body.

        Raises:
            ValueError: a value hides a method.
        """
        super().__init_subclass__(**kwargs)
        for name, value in vars(cls).items():
            if not callable(value) and not isinstance(value, (property, staticmethod, classmethod)):
                for base in cls.__mro__[1:]:
                    if _is_method(name, vars(base).get(name)):
                        raise ValueError(_message(cls, name))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            ValueError: it hides a method.
        """
        if not callable(value) and _is_method(name, getattr(type(self), name, None)):
            raise ValueError(_message(type(self), name))
        super().__setattr__(name, value)


def _is_method(name: str, found: Any) -> bool:
    return not name.startswith("__") and callable(found) and not isinstance(found, type)


def _message(cls: type, name: str) -> str:
    return f"{cls.__name__}.{name} hides the method {name}() of a search space: call the attribute otherwise"
