"""Components by reference: a short name or ``"module:Class"``, with settings that are plain JSON.

Spaces, formulations, data sources, losses, optimizers, stages, explainers, metrics, agents and evaluators are
components. Each kind has a `Registry` of short names; everything else is referred to as ``"module:Class"`` or
``"file.py:Class"``, so that a component can be written outside the package and still travel to worker processes,
stores and records.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from .imports import Imports, import_reference, permitted_imports
from .suggestions import did_you_mean


class Registry(Mapping[str, Any]):
    """The components of one kind by their short names.

    A value is a class (or another callable that takes the settings), or ``"module:Class"`` of this package, which
    is imported when it is first asked for.

    Args:
        kind: what they are, for messages: ``"explainer"``.
        entries: name → component.
    """

    def __init__(self, kind: str, entries: Mapping[str, Any] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, Any] = dict(entries or {})

    def register(self, name: str, component: Any) -> None:
        """Add a component under a short name; the same one again changes nothing.

        Raises:
            ValueError: another one has the name, or the name looks like a reference.
        """
        if not name or ":" in name:
            raise ValueError(f"the {self.kind} name {name!r} must not be empty or hold a colon")
        if self._entries.get(name, component) is not component:
            raise ValueError(f"a {self.kind} {name!r} is registered already: choose another name")
        self._entries[name] = component

    def __getitem__(self, name: str) -> Any:
        """Return the component of a short name."""
        value = self._entries[name]
        if isinstance(value, str):
            with permitted_imports(True):  # what was registered was written by a program, not in a file
                value = self._entries[name] = import_reference(value, True, self.kind)
        return value

    def __iter__(self) -> Iterator[str]:
        """Iterate over the short names."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of short names."""
        return len(self._entries)

    def resolve(self, reference: Any, imports: Imports = True) -> Any:
        """Return the component that a reference names; anything but text is returned as it is.

        Args:
            reference: a short name, ``"module:Class"``, ``"file.py:Class"``, or the component itself.
            imports: whether modules may be imported for it: True, False, or the modules that may. What a file
                from elsewhere says is resolved with False, unless the user has named the module.

        Raises:
            ValueError: the name is unknown (the message lists the known ones), the module may not or cannot be
                imported, or lacks the class.
        """
        if not isinstance(reference, str):
            return reference
        if ":" in reference:
            return import_reference(reference, imports, self.kind)
        if reference not in self._entries:
            raise ValueError(
                f"{self.kind} {reference!r} is unknown{did_you_mean(reference, self)}: known are "
                f"{', '.join(sorted(self))}, or module:Class"
            )
        return self[reference]

    def make(self, component: Any, imports: Imports = True) -> Any:
        """Return the component made with its settings.

        Args:
            component: a reference; ``{"component": reference, "settings": {…}}``; or an object that is made
                already, which is returned as it is.
            imports: as in `resolve`.

        Raises:
            ValueError: as in `resolve`, or the settings do not fit; the message lists those there are.
        """
        if not isinstance(component, (str, Mapping)):
            return component
        reference, settings = split_config(component, self.kind)
        factory = self.resolve(reference, imports)
        check_settings(f"{self.kind} {reference!r}", factory, settings)
        return factory(**settings)


def split_config(component: str | Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """Return reference and settings of a component's JSON form.

    Raises:
        ValueError: the form is another.
    """
    if isinstance(component, str):
        return component, {}
    reference, settings = component.get("component"), component.get("settings", {})
    if (
        not isinstance(reference, str)
        or not isinstance(settings, Mapping)
        or set(component) - {"component", "settings"}
    ):
        raise ValueError(
            f"{kind} {dict(component)!r}: give a name, 'module:Class', or "
            "{'component': name or 'module:Class', 'settings': {…}}"
        )
    return reference, dict(settings)


def check_settings(what: str, factory: Any, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a factory does not take, or lacks.

    Raises:
        ValueError: the message names the setting and lists those there are.
    """
    parameters = inspect.signature(factory).parameters
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    known = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [name for name in settings if name not in known]
    if unknown and not free:
        raise ValueError(
            f"{what} has no setting {unknown[0]!r}{did_you_mean(unknown[0], known)}: "
            f"it has {', '.join(known) or 'none'}"
        )
    lacking = [n for n in known if parameters[n].default is inspect.Parameter.empty and n not in settings]
    if lacking:
        raise ValueError(f"{what} needs the setting {lacking[0]!r}: give {lacking[0]}=…")


def differing_settings(factory: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that differ from the factory's defaults.

    Keys are made of these, so that a new setting with its default changes no key.
    """
    parameters = inspect.signature(factory).parameters
    return {
        name: value
        for name, value in settings.items()
        if name not in parameters or not _equal(parameters[name].default, value)
    }


def _equal(default: Any, value: Any) -> bool:
    """Compare a default with a value that may have been through JSON, where tuples are lists."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        return list(default) == list(value)
    if isinstance(default, bool) != isinstance(value, bool):
        return False
    return default is not inspect.Parameter.empty and bool(default == value)
