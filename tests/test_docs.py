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
