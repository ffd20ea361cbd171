"""The record of what an agent did: every call of reset and step, so that a search can be played again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper

from ..core.budget import BudgetExhausted

Call = dict[str, Any]


class RecordActions(gymnasium.Wrapper, RecordConstructorArgs):
    """A scalar environment that writes down every call (see `record_actions`).

    Attributes:
        record: the calls so far.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        self.record: list[Call] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and write it down."""
        return _recorded(self.record, _reset_call(seed, options), lambda: self.env.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and write it down."""
        return _recorded(self.record, _step_call(action), lambda: self.env.step(action))


class RecordVectorActions(VectorWrapper):
    """A vector environment that writes down every call (see `record_actions`).

    Attributes:
        record: the calls so far.
    """

    def __init__(self, env: VectorEnv) -> None:
        super().__init__(env)
        self.record: list[Call] = []

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset, and write it down."""
        return _recorded(self.record, _reset_call(seed, options), lambda: self.env.reset(seed=seed, options=options))  # type: ignore[arg-type]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step, and write it down."""
        return _recorded(self.record, _step_call(actions), lambda: self.env.step(actions))


def record_actions(env: Any) -> Any:
    """Return an environment, scalar or vector, that keeps a record of what is done in it.

    ``record`` is a list with one dict of plain JSON values per call, in order:

    ===========  ==============================================================================
    call         ``reset`` or ``step``
    seed         of a reset: an integer, one per lane, or None
    options      of a reset: None, or its options with arrays as lists
    action       of a step: the action, or one per lane
    state        16 hexadecimal digits, a BLAKE2b hash of the observation and of what has ended
    reward       of a step: likewise, of the rewards
    raised       instead of both: ``BudgetExhausted``
    ===========  ==============================================================================

    Calls that fail in another way are not recorded.
    """
    return RecordVectorActions(env) if isinstance(env, VectorEnv) else RecordActions(env)


@dataclass(frozen=True)
class CallMismatch:
    """The first call whose outcome is otherwise than recorded.

    Attributes:
        index: place of the call in the record, from 0.
        field: ``state``, ``reward`` or ``raised``.
        recorded: its value in the record, None where it has none.
        found: its value now, None where there is none.
    """

    index: int
    field: str
    recorded: Any
    found: Any


def replay_actions(env: Any, record: Iterable[Mapping[str, Any]], rewards: bool = True) -> CallMismatch | None:
    """Make the recorded calls in an environment, and compare every outcome.

    Args:
        env: an environment made like the recorded one. Where that was in a search, this is to be in one, with
            an equal budget.
        record: what `record_actions` has kept.
        rewards: whether rewards must be the same (those made of measured times never are).

    Returns:
        The first difference, or None where everything is as recorded.

    Raises:
        ValueError: the record holds what is no call of this environment.
    """
    again = record_actions(env)
    for index, call in enumerate(record):
        try:
            _repeat(again, call)
        except BudgetExhausted:
            pass  # recorded, and compared, as the rest is
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"call {index} of the record cannot be made: {error!r}") from error
        for field in ("raised", "state", *(["reward"] if rewards else [])):
            recorded, found = call.get(field), again.record[index].get(field)
            if recorded != found:
                return CallMismatch(index, field, recorded, found)
    return None


def _repeat(env: Any, call: Mapping[str, Any]) -> None:
    if call.get("call") == "step":
        action = call["action"]
        env.step(np.array(action, dtype=np.int64) if isinstance(action, list) else action)
    elif call.get("call") == "reset":
        options = None if call["options"] is None else {k: np.array(v) for k, v in call["options"].items()}
        env.reset(seed=call["seed"], options=options)
    else:
        raise KeyError(f"call is {call.get('call')!r}, not 'reset' or 'step'")


def _reset_call(seed: Any, options: Mapping[str, Any] | None) -> Call:
    options = None if options is None else {name: np.asarray(value).tolist() for name, value in options.items()}
    return {"call": "reset", "seed": _plain_seed(seed), "options": options}


def _plain_seed(seed: Any) -> Any:
    if isinstance(seed, (list, tuple, np.ndarray)):
        return [_plain_seed(lane) for lane in seed]
    return None if seed is None else int(seed)


def _step_call(action: Any) -> Call:
    return {"call": "step", "action": np.asarray(action).tolist()}


def _recorded(record: list[Call], call: Call, make: Callable[[], Any]) -> Any:
    """Make a call, and append it to the record with what came of it."""
    try:
        outcome = make()
    except BudgetExhausted:
        record.append({**call, "raised": "BudgetExhausted"})
        raise
    if call["call"] == "reset":
        record.append({**call, "state": _digest(outcome[0])})
    else:
        observation, reward, terminated, truncated, _ = outcome
        record.append({**call, "state": _digest([observation, terminated, truncated]), "reward": _digest(reward)})
    return outcome


def _digest(value: Any) -> str:
    digest = hashlib.blake2b(digest_size=8)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    """Hash arrays by type, shape and bytes; dicts by name."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            digest.update(name.encode())
            _feed(digest, value[name])
    elif isinstance(value, list):
        for part in value:
            _feed(digest, part)
    else:
        array = np.ascontiguousarray(value)
        digest.update(f"{array.dtype.newbyteorder('<').str}{np.shape(value)}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
