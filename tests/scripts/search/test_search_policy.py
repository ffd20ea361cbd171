"""``pynascent search --policy``: a search leaves its policy, and another one starts from it."""

from importlib.util import find_spec

import pytest

import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)
from support.command_line import command


def search(monkeypatch, out, agent, *more) -> int:
    env = f"PyNASCENT/Cost-{'Build' if agent == 'ppo' else 'Propose'}-v0"
    words = ["search", "--env", env, "--agent", agent, "--evaluations", 12, "--lanes", 4, "--out", out, *more]
    return command(monkeypatch, *words)


@pytest.mark.skipif(find_spec("tf_agents") is None, reason="needs pynascent[ppo]")  # importing it binds tf.keras
def test_a_policy_goes_from_one_search_to_the_next(monkeypatch, tmp_path, capsys):
    assert search(monkeypatch, tmp_path / "a", "ppo") == 0
    policy = tmp_path / "a" / "policy.npz"
    assert search(monkeypatch, tmp_path / "b", "ppo", "--policy", policy, "--setting", "learning_rate=1e-9") == 0
    assert search(monkeypatch, tmp_path / "c", "ppo", "--setting", "learning_rate=1e-9") == 0
    first, again, other = ((tmp_path / name / "policy.npz").read_bytes() for name in "abc")
    assert len(first) == len(again) and other != again
    capsys.readouterr()
    assert search(monkeypatch, tmp_path / "d", "ppo", "--policy", policy, "--setting", "hidden=[8]") == 2
    assert "policy.npz has layers" in capsys.readouterr().err
    assert search(monkeypatch, tmp_path / "d", "ppo", "--policy", tmp_path / "none.npz") == 2
    assert "none.npz" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()
    assert search(monkeypatch, tmp_path / "e", "random", "--policy", policy) == 2
    assert "no setting 'policy'" in capsys.readouterr().err
