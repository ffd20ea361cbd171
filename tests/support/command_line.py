"""The command ``pynascent``, run in the test's own process."""

import pytest

from pynascent.scripts.cli.app import main


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run ``pynascent ARGUMENTS`` and return its exit status."""
    monkeypatch.setattr("sys.argv", ["pynascent", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code is None or isinstance(stop.value.code, int)
    return stop.value.code or 0
