"""benchmarks/ is not installed: its tests find it beside them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
