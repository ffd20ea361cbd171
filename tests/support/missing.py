"""A module of a task whose framework is not installed."""

import no_such_framework  # noqa: F401
