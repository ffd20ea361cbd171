"""Expected errors are one line and exit status 2; termination ends the program as an exit does."""

import subprocess
import sys
import textwrap

import pytest

from pynascent.scripts.errors import one_line_errors


def test_a_pool_that_cannot_start_is_one_line(capsys):
    from pynascent.trainers.workers.pool import PoolError

    with pytest.raises(SystemExit) as stop, one_line_errors():
        raise PoolError("the cluster has 1 CPU,\nand 2 are asked for")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "pynascent: error: the cluster has 1 CPU, and 2 are asked for\n"


def test_other_errors_are_not_hidden():
    with pytest.raises(RuntimeError, match="a defect"), one_line_errors():
        raise RuntimeError("a defect")


def test_termination_runs_what_an_exit_runs():
    """`finally` blocks are what closes environments, their worker processes and Ray."""
    code = """
        import os, signal, time
        from pynascent.scripts.errors import end_on_termination, one_line_errors

        with end_on_termination(), one_line_errors():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(30)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # another one does not cut this short
                time.sleep(0.1)
                print("closed")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=25)
    assert done.returncode == 143 and done.stdout == "closed\n"
    assert done.stderr == "pynascent: terminated; finished evaluations are kept, --resume goes on\n"
