"""One lane in plain Python: numpy's overhead on arrays of one element is larger than the rules themselves."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.evaluation import FloatArray, Status
from ..mdp.acceleration import ONE_LANE
from ..mdp.dynamics import SearchDynamics
from ..mdp.formulations import Build, Edit, Propose
from ..mdp.single_lane import SingleLane, checked_action
from .reward_table import lookup_of

# What a rule for one lane answers: (valid, evaluate, terminated, index of the fidelity).
Move = tuple[bool, bool, bool, int | None]
_MASKED: Move = (False, False, False, None)
_ROW = np.zeros(1, dtype=np.int64)
# Answers of the table that are kept as the dicts that they are shown as.
_KEPT = 2**14


class OneLane(SingleLane):
    """The only lane of a process, stepped without arrays. The process's own state is what it writes into.

    Args:
        dynamics: with one lane and a rule that is in `RULES`.
    """

    def __init__(self, dynamics: SearchDynamics) -> None:
        super().__init__(dynamics)
        self._lookup = lookup_of(dynamics)
        self._known: dict[tuple[int, int, Any], dict[str, Any]] = {}
        self._rule = RULES[type(dynamics.rules)](dynamics)
        self._horizon, self._penalty = dynamics.rules.horizon, dynamics.invalid_penalty
        self._epochs, self._seed = dynamics.epochs, dynamics.training_seed
        self._gain, self._single = dynamics.rules.reward_is_gain, dynamics.single_reward
        self._flat_action = len(dynamics.action_shape) == 1
        self._unpaid = False  # whether the budget did not cover the start
        self._step, self._steps = 0, dynamics.lanes.steps

    def begin(self, architecture: ArrayLike | None = None) -> dict[str, Any]:
        """Start the next episode, as the reference does."""
        dynamics, lanes = self.dynamics, self.dynamics.lanes
        self._rule.flat[-1] = 0.0
        self._unpaid, self._step = False, 0
        if architecture is not None:
            measured = super().begin(architecture)
            self._unpaid = measured["status"] == Status.UNPAID
            self._steps = lanes.steps
            self._rule.restart()
            return measured
        dynamics.check_budget()
        dynamics.episodes[0] += 1
        lanes.steps[0] = 0
        if not dynamics.rules.starts_complete:
            lanes.architectures[0] = -1
            self._rule.clear()
            return {}
        lanes.architectures[0] = dynamics.drawn_starts(_ROW)[0]
        self._rule.restart()
        values, measured = self._evaluate(None)
        self._unpaid = measured["status"] == Status.UNPAID
        if not self._unpaid:
            dynamics.values[0] = values
        return measured

    def advance(self, action: Any) -> tuple[Any, bool, bool, dict[str, Any]]:
        """Take a step, as the reference does."""
        if not (self._flat_action and type(action) in (int, np.int64) and -(2**63) <= action < 2**63):
            action = checked_action(self.dynamics, action)
        valid, evaluate, terminated, fidelity = self._rule.move(action)
        self._step = step = self._step + 1
        self._steps[0] = step
        self._rule.flat[-1] = step / self._horizon
        truncated = not terminated and step >= self._horizon
        if self._unpaid:
            return self._reward(0.0), False, True, {}
        if not evaluate:
            return self._reward(0.0 if valid else -self._penalty), terminated, truncated, {}
        values, measured = self._evaluate(fidelity)
        if measured["status"] == Status.UNPAID:
            return self._reward(0.0), False, True, measured
        if self._gain:
            values, self.dynamics.values[0] = values - self.dynamics.values[0], values
        return (float(values[0]) if self._single else values), terminated, truncated, measured

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(d + 2,)``."""
        return self._rule.flat.copy()

    def action_mask(self) -> NDArray[np.int8]:
        """Return ``(mask size,)``."""
        return self._rule.mask()

    def _reward(self, value: float) -> Any:
        return value if self._single else np.full(self.dynamics.rewards_size, value)

    def _evaluate(self, fidelity: int | None) -> tuple[FloatArray, dict[str, Any]]:
        dynamics = self.dynamics
        epochs = self._epochs if fidelity is None else int(dynamics.rules.fidelities[fidelity])
        seed = self._seed if self._seed != "resample" else int(dynamics.training_seeds(_ROW)[0])
        row, names = dynamics.lanes.architectures, dynamics.blanks.metrics
        if self._lookup is not None and not dynamics.task.decorated:
            block = self._lookup.block(epochs, seed)
            if block is not None:
                code = self._rule.code
                known = self._known.get((code, epochs, seed))
                if known is not None:
                    return block.values[code], known.copy()
                if block.complete or not np.isnan(block.metrics[code, -2]):
                    known = {**dict(zip(names, block.metrics[code], strict=True)), **block.labels}
                    if len(self._known) < _KEPT:
                        self._known[code, epochs, seed] = known
                    return block.values[code], known.copy()
        asked = np.array([epochs]), dynamics.training_seeds(_ROW) if seed != self._seed else np.array([_number(seed)])
        evaluation, rewards, violations = dynamics.task.judge(row.copy(), *asked)
        found = [evaluation[name][0] for name in dynamics.task.visible_metrics]
        measured = dict(zip(names, [*found, evaluation.cost_seconds[0], violations[0]], strict=True))
        measured |= {"status": evaluation.status[0], "epochs": asked[0][0], "training_seed": asked[1][0]}
        return rewards.reshape(-1), measured


def _number(seed: int | str) -> int:
    return -1 if seed == "mean" else int(seed)


class _Rule:
    """What the rules for one lane share: the flat observation, kept in step with the architecture."""

    def __init__(self, dynamics: SearchDynamics) -> None:
        self.lanes, self.space = dynamics.lanes, dynamics.task.space
        self.rules: Any = dynamics.rules
        self.offsets: list[int] = self.space.offsets.tolist()
        self.cardinalities: list[int] = self.space.cardinalities.tolist()
        self._starts = self.space.offsets[:-1]
        self.flat: NDArray[np.float32] = np.zeros(self.offsets[-1] + 2, dtype=np.float32)  # (d + 2,)
        # What one option more of each choice adds to an architecture's place in the space's order.
        sizes = [*self.cardinalities[1:], 1]
        self.strides = [prod(sizes[i:]) for i in range(self.space.n)]
        self.code = 0
        self.restart()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the view of the state out: a copy or pickle would part it from the state."""
        return {name: value for name, value in self.__dict__.items() if name != "row"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with a view of the restored state."""
        self.__dict__.update(state)
        self.row = self.lanes.architectures[0]

    def clear(self) -> None:
        """Begin with nothing decided."""
        self.code = 0
        self.flat.fill(0.0)

    def restart(self) -> None:
        """Read the state in which the reference has begun an episode."""
        self.row: NDArray[np.int64] = self.lanes.architectures[0]  # (n,)
        if self.row[0] < 0:
            self.clear()
        else:
            self.complete()

    def complete(self) -> None:
        """Show the whole architecture that the state has."""
        row = self.row.tolist()
        self.code = sum(option * stride for option, stride in zip(row, self.strides, strict=True))
        self.flat.fill(0.0)
        self.flat[self._starts + self.row] = 1.0
        self.flat[-2] = 1.0

    def mask(self) -> NDArray[np.int8]:
        """Return ``(mask size,)``."""
        return self.rules.action_mask(self.lanes)[0]


class BuildOne(_Rule):
    """`Build` for one lane."""

    def __init__(self, dynamics: SearchDynamics) -> None:
        self._position = 0
        super().__init__(dynamics)
        size = self.rules.mask_size
        self._masks = [(np.arange(size) < c).astype(np.int8) for c in [*self.cardinalities, 1]]
        self._constrained, self._n = self.space.constrained, self.space.n

    def clear(self) -> None:
        """Begin with nothing decided."""
        super().clear()
        self._position = 0

    def move(self, action: Any) -> Move:
        """Write the action into the next choice."""
        action, position = int(action), self._position
        if not 0 <= action < self.cardinalities[position]:
            return _MASKED
        if self._constrained and not self.space.option_mask(self.row[None], np.array([position]))[0, action]:
            return _MASKED
        self.row[position] = action
        self.code += action * self.strides[position]
        self.flat[self.offsets[position] + action] = 1.0
        self._position = position = position + 1
        self.flat[-2] = position / self._n
        done = position == self._n
        return True, done, done, None

    def mask(self) -> NDArray[np.int8]:
        """Return the options of the next choice."""
        return super().mask() if self._constrained else self._masks[self._position].copy()


class EditOne(_Rule):
    """`Edit` for one lane."""

    def __init__(self, dynamics: SearchDynamics) -> None:
        super().__init__(dynamics)
        self._constrained = self.space.constrained
        self._stop: int = self.rules.stop
        self._choices: list[int] = self.rules.choices.tolist()
        self._options: list[int] = self.rules.options.tolist()

    def move(self, action: Any) -> Move:
        """Change one choice, or stop."""
        action = int(action)
        if action == self._stop:
            return True, False, True, None
        if not 0 <= action < self._stop:
            return _MASKED
        choice, option = self._choices[action], self._options[action]
        old = int(self.row[choice])
        if option == old:
            return _MASKED
        self.row[choice] = option
        if self._constrained and not self.space.valid(self.row[None])[0]:
            self.row[choice] = old
            return _MASKED
        self.code += (option - old) * self.strides[choice]
        start = self.offsets[choice]
        self.flat[start + old] = 0.0
        self.flat[start + option] = 1.0
        return True, True, False, None

    def mask(self) -> NDArray[np.int8]:
        """Return 0 where the one-hot observation is 1: what the architecture has may not be chosen."""
        if self._constrained:
            return super().mask()
        mask = np.equal(self.flat[:-1], 0.0).view(np.int8)
        mask[-1] = 1
        return mask


class ProposeOne(_Rule):
    """`Propose` for one lane."""

    def __init__(self, dynamics: SearchDynamics) -> None:
        super().__init__(dynamics)
        self._nvec: NDArray[np.int64] = np.asarray(self.rules.action_space.nvec)
        self._mask = self.rules.action_mask(self.lanes)[0]

    def move(self, action: Any) -> Move:
        """Take the action as the architecture."""
        n = self.space.n
        if ((action < 0) | (action >= self._nvec)).any():
            return _MASKED
        if self.space.constrained and not self.space.valid(action[None, :n])[0]:
            return _MASKED
        self.row[:] = action[:n]
        self.complete()
        return True, True, True, int(action[n]) if self.rules.fidelities else None

    def mask(self) -> NDArray[np.int8]:
        """Return ones."""
        return self._mask.copy()


RULES: dict[type, Any] = {Build: BuildOne, Edit: EditOne, Propose: ProposeOne}


def one_lane(dynamics: SearchDynamics) -> OneLane | None:
    """Return the lane in plain Python, where the rules are the suite's own (not a subclass of them)."""
    return OneLane(dynamics) if type(dynamics.rules) in RULES else None


def install() -> None:
    """Put it into the table of accelerators."""
    ONE_LANE["one_lane"] = one_lane
