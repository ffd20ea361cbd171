"""Names that were nearly right: look-up that forgives the case, and "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def match_name(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that was meant: the same, or the only one that differs in nothing but case.

    None where there is no such name, or several.
    """
    names = list(known)
    if name in names:
        return str(name)
    if not isinstance(name, str):
        return None
    alike = [other for other in names if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'Digits'?)"`` for a misspelt name, to end an error with; ``""`` where none is near."""
    by_folded = {other.casefold(): other for other in known}
    near = get_close_matches(str(name).casefold(), by_folded, n=3, cutoff=0.6)
    if not near:
        return ""
    return f" (did you mean {' or '.join(repr(by_folded[folded]) for folded in near)}?)"
