"""Rewards: terms, logarithms by name, constraints, vectors, the paper's forms, and what is refused."""

import json
import math
import pickle

import gymnasium
import numpy as np
import pytest

from pynascent.envs import METRICS, Evaluation, Metric, Objective, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.core.objective import flops_isi_objective, objective_from_config, resource_objective

from support.cost_evaluator import CostEvaluator

KNOWN = {
    name: METRICS[name]
    for name in ("validation_accuracy", "test_accuracy", "flops", "isi", "training_seconds", "latency_ms")
} | {"ln_energy": Metric("ln_energy", "nats"), "score": Metric("score", "fraction", "validation", maximize=True)}

COLUMNS = {
    "validation_accuracy": [0.9, 0.5, 0.0],
    "test_accuracy": [0.8, 0.4, 0.0],
    "flops": [1e8, 2e9, 0.5],
    "isi": [0.75, 0.5, 0.0],
    "training_seconds": [3600.0, 7200.0, 0.0],
    "latency_ms": [10.0, 10.5, 1.0],
    "ln_energy": [2.0, 3.0, 4.0],
    "score": [0.1, 0.2, 0.3],
}


def evaluation(**changed):
    columns = {name: np.array(values, dtype=float) for name, values in (COLUMNS | changed).items()}
    return Evaluation(np.zeros(3, np.int8), np.full(3, 9), np.zeros(3, np.int64), columns, np.ones(3))


def rewards(terms, accuracy="validation_accuracy", changed=None, **options):
    return Objective(terms, **options).bind(KNOWN, accuracy)(evaluation(**(changed or {})))


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("accuracy", [0.9, 0.5, 0.0]),
        ("validation_accuracy", [0.9, 0.5, 0.0]),
        ("flops", [1e8, 2e9, 0.5]),
        ("ln_flops", [math.log(1e8), math.log(2e9), 0.0]),  # ln max(x, 1)
        ("ln_latency_ms", [math.log(10), math.log(10.5), 0.0]),
        ("gflops", [0.1, 2.0, 5e-10]),
        ("training_hours", [1.0, 2.0, 0.0]),
        ("instability", [0.25, 0.5, 1.0]),
        ("ln_energy", [2.0, 3.0, 4.0]),  # a metric's own name goes before a logarithm
    ],
)
def test_terms(term, expected):
    assert np.allclose(rewards({term: 1.0}), expected, rtol=1e-15)
    assert np.allclose(rewards({term: -2.5}), -2.5 * np.array(expected), rtol=1e-15)


def test_terms_are_summed_with_their_weights():
    found = rewards({"accuracy": 1.0, "ln_flops": -0.02, "instability": -0.1})
    by_hand = [a - 0.02 * math.log(max(f, 1)) - 0.1 * (1 - i) for a, f, i in zip(*_columns(), strict=True)]
    assert np.allclose(found, by_hand, rtol=1e-14)


def _columns():
    return COLUMNS["validation_accuracy"], COLUMNS["flops"], COLUMNS["isi"]


def test_accuracy_is_what_the_task_searches_on():
    assert rewards({"accuracy": 1.0}, accuracy="score").tolist() == [0.1, 0.2, 0.3]
    task = SearchTask(CostEvaluator(), Objective({"accuracy": 2.0}), accuracy="validation_accuracy")
    assert task.objective.metrics == ("validation_accuracy",)


@pytest.mark.parametrize(
    ("constraints", "feasible"),
    [
        (("flops<=5e8",), [True, False, True]),
        (("flops <= 1e8",), [True, False, True]),
        (("flops<1e8",), [False, False, True]),
        (("latency_ms<=10",), [True, False, True]),
        (("flops<=5e8", "accuracy>=0.4"), [True, False, False]),
        (("accuracy>0.5",), [True, False, False]),
        (("accuracy>=0.5",), [True, True, False]),
        (("gflops<=1.5", "instability<=0.3"), [True, False, False]),
        (("ln_flops<=20",), [True, False, True]),
    ],
)
def test_constraints(constraints, feasible):
    found = rewards({"accuracy": 1.0}, constraints=constraints, infeasible_reward=-7.0)
    assert found.tolist() == [a if ok else -7.0 for a, ok in zip(COLUMNS["validation_accuracy"], feasible, strict=True)]


def test_nan_is_infeasible():
    nan = {"latency_ms": [1.0, np.nan, 2.0]}
    assert rewards({"accuracy": 1.0, "latency_ms": -0.1}, changed=nan).tolist() == [0.9 - 0.1, -1.0, 0.0 - 0.2]
    assert rewards({"accuracy": 1.0}, constraints=("latency_ms<=5",), changed=nan)[1] == -1.0
    assert rewards({"accuracy": 1.0}, changed=nan)[1] == 0.5  # it is not asked for
    infinite = {"latency_ms": [1.0, np.inf, 2.0]}
    assert rewards({"latency_ms": -1.0}, changed=infinite, infeasible_reward=-3.0).tolist() == [-1.0, -3.0, -2.0]
    vector = rewards({"accuracy": 1.0, "latency_ms": -1.0}, changed=nan, vector=True, infeasible_reward=-2.0)
    assert vector.tolist() == [[0.9, -1.0], [-2.0, -2.0], [0.0, -2.0]]


def test_columns_are_not_written_into():
    kept = evaluation()
    Objective({"accuracy": 1.0}, constraints=("flops<=1",)).bind(KNOWN)(kept)
    assert kept["validation_accuracy"].tolist() == COLUMNS["validation_accuracy"]


def test_vectors_have_one_reward_per_term_in_order():
    found = rewards({"ln_flops": -1.0, "accuracy": 2.0}, vector=True)
    assert found.shape == (3, 2)
    assert np.allclose(found[:, 1], [1.8, 1.0, 0.0]) and np.allclose(found[:, 0], [-math.log(1e8), -math.log(2e9), 0])
    assert Objective({"ln_flops": -1.0, "accuracy": 2.0}, vector=True).size == 2
    assert Objective({"ln_flops": -1.0, "accuracy": 2.0}).size == 1


def test_the_papers_forms():
    assert flops_isi_objective(0.02, 0.1).terms == {"accuracy": 1.0, "ln_flops": -0.02, "instability": -0.1}
    assert flops_isi_objective(0.0, 0.0).terms == {"accuracy": 1.0}
    assert resource_objective(1.0, 0.2, 0.3).terms == {"accuracy": 1.0, "gflops": -0.2, "training_hours": -0.3}
    found = resource_objective(1.0, 0.2, 0.3).bind(KNOWN)(evaluation())
    assert np.allclose(found, [0.9 - 0.02 - 0.3, 0.5 - 0.4 - 0.6, -1e-10])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"form": "flops_isi", "lam": 0.02, "mu": 0.1}, flops_isi_objective(0.02, 0.1)),
        ({"form": "resource", "alpha": 1, "beta": 2, "gamma": 3}, resource_objective(1, 2, 3)),
        ({"accuracy": 1.0, "ln_flops": -0.02}, Objective({"accuracy": 1.0, "ln_flops": -0.02})),
        (
            {"terms": {"accuracy": 1.0}, "constraints": ["flops<=5e8"], "infeasible_reward": -2.0},
            Objective({"accuracy": 1.0}, ["flops<=5e8"], -2.0),
        ),
        (
            {"terms": {"test_accuracy": 1.0}, "allow_test": True, "vector": True},
            Objective({"test_accuracy": 1.0}, vector=True, allow_test=True),
        ),
    ],
)
def test_plain_json_forms_and_back(config, expected):
    made = objective_from_config(config)
    assert made == expected
    again = objective_from_config(json.loads(json.dumps(made.to_config())))
    assert list(again.terms.items()) == list(expected.terms.items())
    assert again.to_config() == expected.to_config()
    assert objective_from_config(made) is made


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "no terms"),
        ({"terms": {}}, "no terms"),
        ({"accuracy": "much"}, "'much'"),
        ({"accuracy": float("nan")}, "not a finite number"),
        ({"accuracy": float("inf")}, "not a finite number"),
        ({"form": "best"}, "flops_isi, resource"),
        ({"form": "flops_isi", "lam": 1}, "mu"),
        ({"form": "resource", "alpha": 0, "beta": 0, "gamma": 0}, "no terms"),
        ({"terms": {"accuracy": 1}, "weights": 3}, "weights"),
        ({"terms": {"accuracy": 1}, "constraints": ["flops=5"]}, "'flops=5'"),
        ({"terms": {"accuracy": 1}, "constraints": ["flops<=few"]}, "'flops<=few'"),
        ({"terms": {"accuracy": 1}, "constraints": ["5e8>=flops"]}, "'5e8>=flops'"),
        ({"terms": {"accuracy": 1}, "constraints": [""]}, "term<=number"),
        ([("accuracy", 1.0)], "give a mapping"),
        ("accuracy", "give a mapping"),
    ],
)
def test_what_makes_no_objective_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        objective_from_config(config)


@pytest.mark.parametrize("term", ("energy", "ln_watts", "test_loss"))
def test_an_unknown_metric_is_an_error_that_lists_those_there_are(term):
    for objective in (Objective({term: 1.0}), Objective({"accuracy": 1.0}, constraints=(f"{term}<=1",))):
        with pytest.raises(ValueError, match=f"no metric '{term.removeprefix('ln_')}'") as error:
            objective.bind(KNOWN)
        assert all(name in str(error.value) for name in KNOWN)


def test_a_term_names_the_metric_that_it_would_need():
    few = {"validation_accuracy": METRICS["validation_accuracy"]}
    for term, metric in {"gflops": "flops", "training_hours": "training_seconds", "instability": "isi"}.items():
        with pytest.raises(ValueError, match=f"no metric '{metric}' of the term '{term}'"):
            Objective({term: 1.0}).bind(few)
    with pytest.raises(ValueError, match="no metric 'score' of the term 'accuracy'"):
        Objective({"accuracy": 1.0}).bind(few, "score")


@pytest.mark.parametrize(
    "objective",
    [
        {"terms": {"test_accuracy": 1.0}},
        {"terms": {"accuracy": 1.0, "ln_test_accuracy": 1.0}},
        {"terms": {"accuracy": 1.0}, "constraints": ["test_accuracy>=0.5"]},
    ],
)
def test_the_test_split_is_refused_unless_an_argument_says_so(objective):
    with pytest.raises(ValueError, match="test split"):
        objective_from_config(objective).bind(KNOWN)
    allowed = objective_from_config({**objective, "allow_test": True})
    assert np.isfinite(allowed.bind(KNOWN)(evaluation())).all()
    with pytest.raises(ValueError, match="test split"):  # not by way of what "accuracy" stands for, either
        Objective({"accuracy": 1.0}).bind(KNOWN, "test_accuracy")


# -- in an environment ----------------------------------------------------------------------------------------------


def test_environments_reward_by_their_objective():
    objective = {
        "terms": {"accuracy": 1.0, "ln_flops": -0.01},
        "constraints": ["flops<=1e5"],
        "infeasible_reward": -5.0,
    }
    env = SearchVectorEnv(200, "LiveDigits", "propose", evaluator=CostEvaluator(), objective=objective)
    env.reset(seed=0)
    actions = env.task.space.sample(np.random.default_rng(0), 200)
    _, found, _, _, infos = env.step(actions)
    expected = infos["validation_accuracy"] - 0.01 * np.log(infos["flops"])
    assert np.allclose(found, np.where(infos["flops"] <= 1e5, expected, -5.0))
    assert 0 < (found == -5.0).sum() < 200


def test_vector_rewards_have_a_reward_space():
    objective = {"terms": {"accuracy": 1.0, "ln_flops": -0.05}, "vector": True}
    env = SearchEnv("LiveDigits", "edit", evaluator=CostEvaluator(), objective=objective)
    assert env.reward_space == gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    env.reset(seed=0)
    before, stop = env.architecture, env.action_space.n - 1
    action = int(np.flatnonzero(env.action_masks())[0])
    _, reward, *_ = env.step(action)
    after = env.architecture
    assert reward in env.reward_space

    def value(row):
        result = env.task.evaluator.evaluate(row[None], np.array([27]), np.array([0]))
        return np.array([result["validation_accuracy"][0], -0.05 * np.log(result["flops"][0])])

    assert np.allclose(reward, value(after) - value(before), atol=1e-6) and np.any(reward != 0)
    assert (env.step(stop)[1] == 0).all()
    lanes = SearchVectorEnv(3, "LiveDigits", "propose", evaluator=CostEvaluator(), objective=objective)
    lanes.reset(seed=0)
    rewards = lanes.step(lanes.action_space.sample())[1]
    assert rewards.shape == (3, 2) and rewards in lanes.reward_space


def test_a_test_metric_never_shows_in_info_even_for_an_oracle():
    objective = {"terms": {"test_accuracy": 1.0}, "allow_test": True}
    env = SearchEnv("LiveDigits", "propose", evaluator=CostEvaluator(), objective=objective)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(env.action_space.sample())
    assert 0 < reward <= 1 and "test_accuracy" not in info and "validation_accuracy" in info


def test_environments_pickle_with_every_kind_of_term_and_constraint():
    objective = {
        "terms": {"accuracy": 1.0, "ln_flops": -0.05, "gflops": -1.0, "instability": -0.1, "training_hours": -1.0},
        "constraints": ["flops<=3e5", "isi>0.5", "parameters>=100", "latency_ms<1000"],
    }
    env = gymnasium.make("PyNASCENT/Digits-Propose-v0", objective=objective)
    copy = pickle.loads(pickle.dumps(env))
    for one in (env, copy):
        one.reset(seed=3)
    action = env.unwrapped.task.space.sample(np.random.default_rng(0), 1)[0]
    assert env.step(action)[1] == copy.step(action)[1]


# -- the reward of what breaks a constraint -------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [{"accuracy": 1, "ln_flops": -0.3}, {"accuracy": 2.0, "gflops": -5000.0}])
@pytest.mark.parametrize("constraint", ["flops<=3e5", "flops>=3e5", "accuracy>=0.5", "parameters<5000"])
def test_no_row_that_breaks_a_constraint_is_rewarded_above_one_that_keeps_it(terms, constraint):
    env = gymnasium.make("PyNASCENT/Digits-Build-v0", objective={"terms": terms, "constraints": [constraint]})
    task = env.unwrapped.task
    everything = task.space.from_index(np.arange(task.space.size))
    _, found, violations = task.judge(everything, np.full(len(everything), 27), np.zeros(len(everything), np.int64))
    kept, broken = found[violations == 0], found[violations > 0]
    assert len(kept) and len(broken) and broken.max() <= kept.min() and broken.max() <= -1


def test_by_default_it_is_the_worst_that_a_feasible_row_can_have_and_at_most_minus_1():
    def infeasible(terms, constraints=(), **options):
        return Objective(terms, constraints, **options).bind(KNOWN).infeasible_reward

    assert infeasible({"accuracy": 1.0}) == -1.0  # accuracy 0 would be higher
    assert infeasible({"accuracy": 1.0, "instability": -2.5}) == -2.5
    assert infeasible({"accuracy": 1.0, "ln_flops": -0.3}, ("flops<=3e5",)) == pytest.approx(-0.3 * math.log(3e5))
    assert infeasible({"flops": 1.0, "accuracy": -4.0}, ("flops>=2", "accuracy<0.75")) == -1.0  # 2 − 3
    assert infeasible({"latency_ms": -1.0, "accuracy": -4.0, "isi": 0.0}) == -4.0  # nothing bounds the latency
    assert infeasible({"accuracy": -4.0, "isi": 1.0}, vector=True).tolist() == [-4.0, -1.0]
    assert infeasible({"accuracy": -4.0}, infeasible_reward=3) == 3


def test_without_a_table_the_space_says_how_many_flops_there_can_be():
    task = SearchTask(CostEvaluator(), Objective({"ln_flops": -1.0}, ("parameters<=10",)))
    assert task.objective.infeasible_reward == pytest.approx(-math.log(task.space.largest_flops))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), "-1", True])
def test_numbers_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="infeasible_reward="):
        Objective({"accuracy": 1.0}, infeasible_reward=wrong)
    with pytest.raises(ValueError, match="weight"):
        Objective({"accuracy": wrong})
    if not isinstance(wrong, str):
        with pytest.raises(ValueError, match=r"finite bound|of the form"):
            Objective({"accuracy": 1.0}, [f"flops<={wrong}"])
    for name in ("lam", "mu"):
        with pytest.raises(ValueError, match=f"{name}="):
            gymnasium.make("PyNASCENT/Digits-Build-v0", **{name: wrong})


def test_a_given_reward_and_the_default_come_back_from_json():
    for given in (None, -1.0, 0.0, np.float32(-2.5)):
        made = Objective({"accuracy": np.float64(1.0), "flops": np.int64(2)}, ["flops<=5"], given)
        again = objective_from_config(json.loads(json.dumps(made.to_config())))
        assert again == made and again.infeasible_reward == given
