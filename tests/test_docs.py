"""The documentation's examples run."""

import re
import sys
import types
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def examples(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_an_own_task_as_the_docs_write_it():
    code = next(code for code in examples(DOCS / "environments.md") if "SmallIsBeautiful" in code)
    module = types.ModuleType("documented_task")
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, "docs/environments.md", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]


def test_an_own_agent_as_the_docs_write_it():
    import gymnasium

    from pynascent.envs import SearchBudget

    from support.cost_evaluator import CostEvaluator

    scope: dict = {}
    code = next(code for code in examples(DOCS / "agents.md") if "class OneStep" in code)
    exec(compile(code, "docs/agents.md", "exec"), scope)
    env = gymnasium.make_vec(
        "PyNASCENT/LiveDigits-Propose-v0", num_envs=2, autoreset_mode="disabled", evaluator=CostEvaluator(), mu=0.0
    )
    history = scope["OneStep"]().search(env, SearchBudget(evaluations=60), seed=0)
    rewards = history.column("reward")
    assert len(history) == 60 and rewards.max() > rewards[:2].max()
