"""The script that kills a live search's processes: a short run of it, with real processes."""

import sys

import pytest

from pynascent.scripts.chaos import __main__ as chaos

pytest.importorskip("ray")


@pytest.mark.timeout(600)
def test_a_search_whose_ray_is_killed_says_how_to_go_on_and_loses_nothing(monkeypatch, capsys):
    arguments = ["chaos", "--evaluations", "6", "--epochs", "9", "--parts", "raylet"]
    monkeypatch.setattr(sys, "argv", arguments)
    status = chaos.main()
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "Ray has ended" in printed and "--resume goes on" in printed
    assert printed.count("6 evaluations") == 2 and printed.count("nothing lost") == 2
