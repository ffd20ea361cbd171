"""What the argument ``watch`` may be; every refusal is one line that says what may be given."""

import socket

import pytest

from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.watching.settings import watch_settings
from pynascent.trainers.watching.tensorboard import TensorBoardLogs


def test_what_was_given_is_what_the_configuration_has():
    for watch in ({"prometheus": 0}, {"prometheus": 9400, "tensorboard": "runs/a"}, {"tensorboard": "b"}):
        assert watch_settings(watch).config() == watch


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        ({}, "one of them or both"),
        (9400, "one of them or both"),
        ({"port": 9400}, "one of them or both"),
        ({"prometheus": 65536}, "a port from 1 to 65535, or 0"),
        ({"prometheus": -1}, "a port from 1 to 65535, or 0"),
        ({"prometheus": True}, "a port from 1 to 65535, or 0"),
        ({"prometheus": "9400"}, "a port from 1 to 65535, or 0"),
        ({"tensorboard": ""}, "the name of a folder"),
        ({"tensorboard": 3}, "the name of a folder"),
    ],
)
def test_anything_else_is_refused_in_one_line(watch, said):
    with pytest.raises(ValueError, match=said) as error:
        watch_settings(watch)
    assert str(error.value).startswith("watch") and "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write there .*give another folder") as error:
        TensorBoardLogs(str(tmp_path / "file" / "logs"), {})
    assert "\n" not in str(error.value)


def test_a_port_that_is_taken():
    from pynascent.trainers.watching.counts import Counts
    from pynascent.trainers.watching.prometheus import Collector, MetricsServer

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"prometheus={port}: this port of 127.0.0.1 is taken") as error:
            MetricsServer(port, Collector(Counts(), lambda: None))
    assert "\n" not in str(error.value)


def test_the_evaluator_checks_it_when_it_is_made(tmp_path):
    from pynascent.trainers.live import LiveEvaluator

    with pytest.raises(ValueError, match="a port from 1 to 65535, or 0"):
        LiveEvaluator(ChainSpace(), workers=1, store=tmp_path / "store.sqlite", watch={"prometheus": 70000})
