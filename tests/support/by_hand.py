"""Agents that a test asks and tells by hand, without the driver that numbers trials."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np


def numbered(agent: Any) -> Any:
    """Let an agent's ``tell`` find the trials by their actions, equal ones in the order of asking."""
    begin, ask, tell = agent.begin, agent.ask, agent.tell
    asked: dict[bytes, deque[int]] = {}
    count = [0]

    def numbered_begin(*arguments):
        asked.clear()
        count[0] = 0
        begin(*arguments)

    def numbered_ask(number):
        actions = ask(number)
        for action in actions:
            asked.setdefault(action.tobytes(), deque()).append(count[0])
            count[0] += 1
        return actions

    def numbered_tell(actions, rewards, ok, infos):
        trials = np.array([asked[np.ascontiguousarray(action).tobytes()].popleft() for action in actions])
        tell(actions, rewards, ok, {**infos, "trial": trials})

    agent.begin, agent.ask, agent.tell = numbered_begin, numbered_ask, numbered_tell
    return agent
