"""Settings are checked by type and range, for every agent, before anything is evaluated."""

import dataclasses
import json
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from pynascent.agents import AGENTS, AskTellAgent, Settings, make_agent
from pynascent.agents.base import check_fit
from pynascent.agents.settings import Range, setting
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask
from pynascent.envs.spaces import ChainSpace

from support.landscape import Landscape, make_env

FIELDS = [(name, field) for name, agent in AGENTS.items() for field in dataclasses.fields(agent.Settings)]
IDS = [f"{name}-{field.name}" for name, field in FIELDS]


def wrong_values(field):
    """Values of the wrong type or beyond the range, for a field."""
    wrong = [object(), {"a": 1}]
    kind = field.type if isinstance(field.type, str) else field.type.__name__
    if "str" not in kind:
        wrong.append("10")
    if "int" in kind:
        wrong += [10.5, np.float64(3.0), True, float("nan"), [], [1, "2"]]
    if "float" in kind:
        wrong += [float("nan"), float("inf"), True]
    if kind == "bool":
        wrong += [1, 0, "true"]
    if kind.startswith("str"):
        wrong += [3, b"x"]
    bounds = field.metadata.get("pynascent range", Range())
    for bound, beyond in ((bounds.least, -1), (bounds.above, 0), (bounds.most, 1), (bounds.below, 0)):
        if bound is not None:
            wrong.append(type(bound)(bound + beyond))
    if bounds.choices:
        wrong.append("something else")
    if "None" not in kind:
        wrong.append(None)
    return wrong


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=IDS)
def test_wrong_values_are_one_line_that_says_what_is_allowed(name, field):
    for value in wrong_values(field):
        with pytest.raises(ValueError, match=rf"^{field.name}=.*: give ") as error:
            AGENTS[name].Settings(**{field.name: value})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=IDS)
def test_numbers_of_numpy_become_pythons(name, field):
    default = field.default
    for kind in (np.int64, np.int32, np.float64, np.float32, np.bool_):
        same = {np.int64: int, np.int32: int, np.float64: float, np.float32: float, np.bool_: bool}[kind]
        values = default if isinstance(default, tuple) else (default,)
        if type(values[0]) is not same:
            continue
        given = [kind(value) for value in values] if isinstance(default, tuple) else kind(default)
        if kind is np.float32:
            given = np.float32(round(float(given), 2) or given)
        made = AGENTS[name].Settings(**{field.name: given})
        found = getattr(made, field.name)
        assert type(found) is type(default)
        json.dumps(dataclasses.asdict(made))


def test_the_examples_of_the_fault():
    for name, settings, message in (
        ("bohb", {"good_percent": 15.5}, "good_percent=15.5: give an integer of at least 1, at most 99"),
        ("genetic", {"population_size": "10"}, "population_size='10': give an integer of at least 2"),
        ("genetic", {"population_size": 10.5}, "population_size=10.5: give an integer of at least 2"),
        ("ppo", {"hidden": [64, 0]}, r"hidden=\[64, 0\]: give one or more, each an integer of at least 1"),
        ("bohb", {"min_points": 1.5}, "min_points=1.5: give an integer of at least 0, or None"),
    ):
        with pytest.raises(ValueError, match=message):
            AGENTS[name].Settings(**settings)
    assert make_agent("genetic", population_size=np.int64(10)).settings.population_size == 10


def test_an_integer_will_do_where_a_number_is_wanted():
    assert make_agent("hyperband", eta=3).settings == make_agent("hyperband").settings


@dataclass(frozen=True)
class OwnSettings(Settings):
    """Settings of one's own.

    Attributes:
        size: checked by its range.
        anything: not checked.
    """

    size: int = setting(3, least=1)
    anything: object = None

    def __post_init__(self):
        """Forget to call the parent's."""


class Own(AskTellAgent):
    """An agent of one's own with a method that is called like one of the base class."""

    name = "own"
    Settings = OwnSettings

    def check(self, env):
        """Have nothing to do with the environment's check."""

    def begin(self, space, fidelities, rng):
        self.space, self.rng = space, rng

    def ask(self, count):
        return self.space.sample(self.rng, count)

    def tell(self, actions, rewards, ok, infos):
        pass


def test_a_settings_class_that_skips_its_parent_is_checked_all_the_same():
    assert Own(OwnSettings(size=2, anything={1})).settings.anything == {1}
    with pytest.raises(ValueError, match="size=0: give an integer of at least 1"):
        Own(OwnSettings(size=0))


def test_a_method_called_check_switches_nothing_off():
    env = make_env(Own, formulation="build")
    for refuse in (lambda: check_fit(Own(), env), lambda: Own().search(env, SearchBudget(evaluations=1), 0)):
        with pytest.raises(ValueError, match="the agent 'own' plays propose, not build"):
            refuse()


def test_a_class_without_a_name_has_its_own():
    class Nameless(Own):
        """No name."""

    assert Nameless.name == "own"  # that of its parent

    class Fresh(AskTellAgent):
        """No name at all."""

    assert Fresh.name == "Fresh"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("regularized_evolution", {"changes": 7}, "changes=7: the space 'chain' has 6 choices to change"),
        ("grid", {"start": 10**6}, "start=1000000: the space 'chain' has the indices"),
        ("asha", {"early_stopping": 4}, r"early_stopping=4: there are the rungs 0\.\.3"),
    ],
)
def test_what_depends_on_the_space_is_checked_before_the_first_evaluation(name, settings, message):
    space = ChainSpace(stages=1, blocks=3)
    env = make_env(AGENTS[name], 1, space=space, **({"epochs": "choose"} if name == "asha" else {}))
    free = int((space.cardinalities > 1).sum())
    message = message.replace("has 6 choices", f"has {free} choices")
    with pytest.raises(ValueError, match=message):
        make_agent(name, **settings).search(env, SearchBudget(evaluations=20), 0)
    assert env.task.evaluator.calls == 0


@pytest.mark.parametrize("seed", [2**64, 2**63, -1, 1.0, "1", None, True])
def test_seeds_out_of_range_are_one_line(seed):
    with pytest.raises(ValueError, match=r"^seed=.*: give an integer from 0 to 2\*\*63 - 1$"):
        make_agent("random").search(make_env(AGENTS["random"], 1), SearchBudget(evaluations=1), seed)


@pytest.mark.parametrize("name", [name for name in AGENTS if name not in ("ppo", "dqn")])
@pytest.mark.parametrize("seed", [9_876_543_210, np.int64(2**63 - 1), np.int32(5)])
def test_large_seeds_and_numpys_are_seeds(name, seed):
    agent = make_agent(name)
    histories = [
        agent.search(make_env(agent, 1), SearchBudget(evaluations=12), s).column("architecture").tolist()
        for s in (seed, int(seed))
    ]
    assert histories[0] == histories[1]


MULTI_FIDELITY = [name for name, agent in AGENTS.items() if agent.multi_fidelity]


@pytest.mark.parametrize("name", MULTI_FIDELITY)
def test_several_fidelities_are_missed_aloud(name):
    agent = make_agent(name)
    with pytest.warns(UserWarning, match=f"agent '{name}' .* one fidelity: here it is .*; make the environment with"):
        agent.search(make_env(agent, 1), SearchBudget(evaluations=3), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent.search(make_env(agent, 1, epochs="choose"), SearchBudget(evaluations=3), 0)
    only = Landscape()
    only.fidelities = (27,)
    env = SearchEnv(SearchTask(only, Objective({"accuracy": 1.0})), "propose", epochs="choose")
    with pytest.warns(UserWarning, match="one fidelity") as caught:
        agent.search(env, SearchBudget(evaluations=3), 0)
    assert "make the environment" not in str(caught[0].message)


def test_agents_come_by_reference(tmp_path, monkeypatch):
    path = tmp_path / "agents_of_mine.py"
    path.write_text(
        "from pynascent.agents import RandomSearch\n\n\nclass Mine(RandomSearch):\n    name = 'mine'\n\n\nNothing = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for reference in ("agents_of_mine:Mine", f"{path}:Mine"):
        assert make_agent(reference, repeats=False).name == "mine"
    with pytest.raises(ValueError, match="is no subclass of"):
        make_agent("agents_of_mine:Nothing")
    with pytest.raises(ValueError, match="--allow-import agents_of_mine"):
        make_agent("agents_of_mine:Mine", imports=False)
    assert set(AGENTS) >= {"random", "ppo"} and AGENTS["random"].name == "random"
