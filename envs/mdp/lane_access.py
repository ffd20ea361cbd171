"""``call``, ``get_attr`` and ``set_attr`` of a vector environment, as Gymnasium's ``SyncVectorEnv`` has them."""

from __future__ import annotations

from typing import Any

# What belongs to one lane has another name in the vector environment.
_ONE_LANE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}
_BY_LANE = {"architecture": "architectures"}


class LaneAccess:
    """What each lane would answer if it were an environment of its own."""

    num_envs: int

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call ``action_masks`` or ``render`` and return each lane's answer; an attribute is returned as it is.

        Raises:
            AttributeError: there is no such method of a lane; those of the whole search are called on the environment.
        """
        if name in ("action_masks", "render"):
            answers = getattr(self, name)(*args, **kwargs)
            return (None,) * self.num_envs if answers is None else tuple(answers)
        value = self.get_attr(name)
        if callable(value[0]):
            raise AttributeError(
                f"call({name!r}): a lane has action_masks and render; call {name} on the environment itself"
            )
        return value

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return an attribute for each lane: its own ``architecture`` or spaces, else what all lanes share.

        Raises:
            AttributeError: there is none of that name.
        """
        if name in _BY_LANE:
            return tuple(getattr(self, _BY_LANE[name]))
        return (getattr(self, _ONE_LANE.get(name, name)),) * self.num_envs

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute, which all lanes share; a list or tuple gives each lane the same value.

        Raises:
            ValueError: a list of another length, or of values that differ.
        """
        if isinstance(values, (list, tuple)):
            if len(values) != self.num_envs:
                raise ValueError(f"{len(values)} values of {name} for {self.num_envs} lanes: give one for each")
            if any(value is not values[0] and value != values[0] for value in values):
                raise ValueError(f"values of {name} that differ: the lanes share their attributes, give one value")
            values = values[0]
        setattr(self, name, values)
