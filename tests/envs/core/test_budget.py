"""What a search may spend: the account itself, and how environments behave at its end."""

import time

import numpy as np
import pytest

from pynascent.envs import BudgetExhausted, Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.core.budget import BudgetedEvaluator, budget_from_config

from support.cost_evaluator import CostEvaluator

MODES = ("next_step", "same_step", "disabled")
FORMULATIONS = ("build", "edit", "propose")


class Priced(CostEvaluator):
    """Costs 1, 2, 3, … seconds in the order of evaluation, whatever is asked."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        result.cost_seconds = np.arange(self.asked + 1.0, self.asked + len(epochs) + 1)
        self.asked += len(epochs)
        return result


def task(evaluator=None):
    return SearchTask(evaluator or Priced(), Objective({"accuracy": 1.0}))


def questions(count, space):
    rows = space.sample(np.random.default_rng(0), count)
    return rows, np.full(count, 27), np.zeros(count, dtype=np.int64)


# -- the clock --------------------------------------------------------------------------------------------------


def test_one_worker_does_one_evaluation_after_the_other_however_they_are_batched():
    costs = np.random.default_rng(0).exponential(7.0, 1000)
    clocks = []
    for batch in (1, 7, 1000):
        budget = SearchBudget(seconds=1e9)
        ends = [budget.charge(costs[i : i + batch])[1] for i in range(0, len(costs), batch)]
        clocks.append(np.concatenate(ends))
        assert budget.clock_seconds == clocks[-1][-1]
    assert np.allclose(clocks[0], np.cumsum(costs), rtol=1e-12)
    assert (clocks[0] == clocks[1]).all() and (clocks[0] == clocks[2]).all()  # to the last bit


def test_rows_go_to_the_worker_that_is_free_first():
    budget = SearchBudget(evaluations=100, workers=2)
    _, ends = budget.charge(np.array([3.0, 1.0, 2.5, 2.0]))
    # worker 0: 3, then 2; worker 1: 1, then 2.5
    assert ends.tolist() == [3.0, 1.0, 3.5, 5.0]
    assert budget.clock_seconds == 5.0
    _, ends = budget.charge(np.array([1.0]))  # the batch was waited for, so both workers are free
    assert ends.tolist() == [6.0]


@pytest.mark.parametrize("workers", (1, 2, 3, 16, 64, 1024))
def test_list_scheduling_against_a_worker_by_worker_simulation(workers):
    rng = np.random.default_rng(workers)
    budget, clock = SearchBudget(seconds=1e9, workers=workers), 0.0
    for batch in (1, 5, 40, 200):
        costs = rng.exponential(3.0, batch)
        free, expected = np.full(workers, clock), []
        for cost in costs:
            worker = int(free.argmin())
            free[worker] += cost
            expected.append(free[worker])
        _, ends = budget.charge(costs)
        assert np.allclose(ends, expected, rtol=1e-12)
        clock = max(expected)
        assert np.isclose(budget.clock_seconds, clock, rtol=1e-12)


def test_more_workers_are_never_slower_than_the_work_divided_nor_faster():
    costs = np.random.default_rng(3).exponential(5.0, 256)
    for workers in (1, 4, 32, 256):
        budget = SearchBudget(evaluations=1000, workers=workers)
        budget.charge(costs)
        ideal = max(costs.sum() / workers, costs.max())
        assert ideal * (1 - 1e-12) <= budget.clock_seconds <= costs.sum() / workers + costs.max()  # Graham's bound


def test_an_asynchronous_search_gives_each_row_to_the_worker_that_is_free_first():
    budget = SearchBudget(seconds=10, workers=2)
    budget.asynchronous = True
    seen = []
    for cost in (3.0, 1.0, 2.5, 4.0, 0.5):
        start = budget.next_free_seconds
        paid, ends = budget.charge(np.array([cost]))
        seen.append((start, ends[0], budget.last_end_seconds, budget.clock_seconds))
        assert paid.all()
    # worker 0: 3, then 4 (3-7); worker 1: 1, then 2.5 (1-3.5), then 0.5 (3.5-4)
    assert seen == [(0, 3, 3, 3), (0, 1, 1, 3), (1, 3.5, 3.5, 3.5), (3, 7, 7, 7), (3.5, 4, 4, 7)]
    assert budget.charge(np.array([7.0]))[0].tolist() == [False]  # from 4 to 11
    assert budget.exhausted and budget.clock_seconds == 7 and budget.spent_evaluations == 5


# -- what is paid -----------------------------------------------------------------------------------------------


def test_evaluations_are_paid_in_index_order():
    budget = SearchBudget(evaluations=5)
    assert budget.charge(np.ones(3))[0].all() and not budget.exhausted and budget.affordable == 2
    assert budget.charge(np.ones(3))[0].tolist() == [True, True, False]
    assert budget.exhausted and budget.spent_evaluations == 5 and budget.clock_seconds == 5.0


def test_the_last_affordable_evaluation_exhausts():
    budget = SearchBudget(evaluations=2)
    budget.charge(np.ones(2))
    assert budget.exhausted and budget.affordable == 0


def test_seconds_are_paid_up_to_the_limit_and_including_it():
    budget = SearchBudget(seconds=6.0)
    assert budget.charge(np.array([1.0, 2.0, 3.0]))[0].all()
    assert not budget.exhausted  # another one might be free
    assert budget.charge(np.array([0.5]))[0].tolist() == [False]
    assert budget.exhausted and budget.clock_seconds == 6.0 and budget.spent_evaluations == 3


def test_the_first_row_that_does_not_fit_ends_the_search_even_if_a_later_one_would():
    budget = SearchBudget(seconds=10.0, workers=4)
    paid, ends = budget.charge(np.array([2.0, 11.0, 3.0]))
    assert paid.tolist() == [True, False, False] and ends.tolist() == [2.0, 11.0, 3.0]
    assert budget.exhausted and budget.clock_seconds == 2.0 and budget.spent_evaluations == 1


@pytest.mark.parametrize(("limits", "expected"), [((5, 100.0), 5), ((5, 4.0), 4), ((50, 3.5), 3)])
def test_with_both_limits_the_tighter_one_counts(limits, expected):
    budget = SearchBudget(evaluations=limits[0], seconds=limits[1])
    assert budget.charge(np.ones(8))[0].sum() == expected
    assert budget.exhausted


@pytest.mark.parametrize("cost", (np.nan, -1.0, np.inf))
def test_a_cost_that_is_none_is_refused_and_not_charged(cost):
    budget = SearchBudget(evaluations=5)
    with pytest.raises(ValueError, match="cost_seconds"):
        budget.charge(np.array([1.0, cost]))
    assert budget.spent_evaluations == 0 and budget.clock_seconds == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"evaluations": 0},
        {"evaluations": 2.5},
        {"seconds": 0},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"evaluations": 1, "workers": 0},
        {"evaluations": 1, "workers": 1025},
        {"evaluations": 1, "workers": 2.0},
        {"evaluation": 1},
        {"evaluations": 1, "spent_evaluations": 0},
    ],
)
def test_budgets_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"budget|workers"):
        budget_from_config(wrong)


def test_a_budget_from_plain_json():
    assert budget_from_config({"seconds": 4e4, "workers": 8}) == SearchBudget(seconds=4e4, workers=8)
    assert budget_from_config(None) is None


# -- the evaluator that is paid for -------------------------------------------------------------------------------


def test_what_is_not_covered_is_not_evaluated():
    inner = Priced()
    budget = SearchBudget(evaluations=3)
    evaluator = BudgetedEvaluator(inner, budget)
    rows, epochs, seeds = questions(5, inner.space)
    result = evaluator.evaluate(rows, epochs, seeds)
    assert inner.calls == [3]  # nobody trained the other two
    assert result.status.tolist() == [0, 0, 0, 3, 3]
    assert (result["validation_accuracy"][:3] > 0).all() and (result["validation_accuracy"][3:] == 0).all()
    assert (result["flops"][3:] == inner.space.largest_flops).all() and (result.cost_seconds[3:] == 0).all()
    assert np.array_equal(evaluator.ends, [1.0, 3.0, 6.0, np.nan, np.nan], equal_nan=True)
    again = evaluator.evaluate(rows, epochs, seeds)
    assert inner.calls == [3] and (again.status == 3).all() and np.isnan(evaluator.ends).all()
    assert budget.spent_evaluations == 3 and budget.clock_seconds == 6.0


def test_what_ends_too_late_is_not_delivered():
    inner = Priced()
    evaluator = BudgetedEvaluator(inner, SearchBudget(seconds=6.5))
    rows, epochs, seeds = questions(5, inner.space)
    result = evaluator.evaluate(rows, epochs, seeds)
    assert result.status.tolist() == [0, 0, 0, 3, 3] and (result["validation_accuracy"][3:] == 0).all()


def test_asking_nothing_spends_nothing():
    evaluator = BudgetedEvaluator(Priced(), SearchBudget(evaluations=3))
    assert len(evaluator.evaluate(*questions(0, evaluator.space))) == 0
    assert not evaluator.budget.exhausted


# -- environments -------------------------------------------------------------------------------------------------


def step(env, rng):
    """Take a random allowed action in every lane."""
    if env.formulation.name == "propose":
        return env.step(env.task.space.sample(rng, env.num_envs))
    masks = env.action_masks().astype(float)
    return env.step(np.array([rng.choice(len(m), p=m / m.sum()) if m.any() else 0 for m in masks]))


def restart(env, done, mode):
    if mode == "disabled" and done.any():
        env.reset(options={"reset_mask": done})


def play(env, mode, limit=2000):
    """Play until the budget ends; returns every step's (rewards, terminated, truncated, infos)."""
    rng, steps = np.random.default_rng(0), []
    with pytest.raises(BudgetExhausted):
        env.reset(seed=0)
        for _ in range(limit):
            _, rewards, terminated, truncated, infos = step(env, rng)
            steps.append((rewards, terminated, truncated, infos))
            restart(env, terminated | truncated, mode)
    return steps


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_all_lanes_share_one_budget_and_the_end_is_the_same_in_all_modes(formulation, mode):
    budget = SearchBudget(evaluations=17)
    env = SearchVectorEnv(4, task(), formulation, autoreset_mode=mode)
    with env.search(budget) as history:
        steps = play(env, mode)
        assert len(history) == 17 == budget.spent_evaluations
        assert [row["clock_seconds"] for row in history] == np.cumsum(np.arange(1.0, 18)).tolist()
        with pytest.raises(BudgetExhausted, match="17 evaluations"):
            env.reset()
        with pytest.raises(BudgetExhausted):
            env.reset(options={"reset_mask": np.ones(4, dtype=bool)})
    rewards, terminated, truncated, infos = steps[-1]
    assert (terminated | truncated).any()
    if mode == "same_step":
        infos = infos.get("final_info", infos)
    unpaid = infos["_status"] & (infos["status"] == "unpaid")
    assert (rewards[unpaid] == 0).all() and not terminated[unpaid].any()


@pytest.mark.parametrize("mode", MODES)
def test_lanes_are_paid_in_index_order_and_the_others_truncate_with_reward_0(mode):
    env = SearchVectorEnv(5, task(), "propose", autoreset_mode=mode)
    with env.search(SearchBudget(evaluations=3)):
        env.reset(seed=0)
        rewards, terminated, truncated, infos = step(env, np.random.default_rng(0))[1:]
    assert terminated.tolist() == [True] * 3 + [False] * 2
    assert truncated.tolist() == [False] * 3 + [True] * 2
    assert (rewards[:3] > 0).all() and (rewards[3:] == 0).all()
    infos = infos.get("final_info", infos)
    assert infos["status"].names().tolist() == ["ok"] * 3 + ["unpaid"] * 2
    assert (infos["budget_evaluations"] == 3).all() and (infos["budget_seconds"] == 6.0).all()


@pytest.mark.parametrize("mode", ("next_step", "same_step"))
def test_the_step_that_would_reset_raises_and_no_result_is_lost(mode):
    env = SearchVectorEnv(2, task(), "propose", autoreset_mode=mode)
    rng = np.random.default_rng(0)
    with env.search(SearchBudget(evaluations=4)) as history:
        env.reset(seed=0)
        paid = 0
        with pytest.raises(BudgetExhausted):
            for _ in range(10):
                paid += int(step(env, rng)[2].sum())
        assert paid == len(history) == 4


@pytest.mark.parametrize("mode", MODES)
def test_an_edit_start_is_charged_and_an_unpaid_one_truncates_at_the_next_step(mode):
    env = SearchVectorEnv(3, task(), "edit", autoreset_mode=mode)
    with env.search(SearchBudget(evaluations=2)) as history:
        _, infos = env.reset(seed=0)
        assert len(history) == 2
        assert infos["status"].names().tolist() == ["ok", "ok", "unpaid"]
        assert [row["architecture"] for row in history] == env.architectures[:2].tolist()
        stop = env.single_action_space.n - 1
        change = int(np.flatnonzero(env.action_masks()[0])[0])
        # Lane 0 asks for what nobody pays, lane 1 stops of itself, lane 2 has no start; a masked action
        # in it costs nothing any more.
        masked = int(np.flatnonzero(~env.action_masks()[2])[0])
        _, rewards, terminated, truncated, _ = env.step(np.array([change, stop, masked]))
        assert rewards.tolist() == [0.0, 0.0, 0.0]
        assert terminated.tolist() == [False, True, False] and truncated.tolist() == [True, False, True]
        with pytest.raises(BudgetExhausted):
            env.reset()


def test_a_lane_that_resets_beside_one_that_evaluates_is_charged_in_index_order():
    env = SearchVectorEnv(2, task(), "edit", autoreset_mode="next_step")
    with env.search(SearchBudget(evaluations=3)) as history:
        env.reset(seed=0)  # two evaluations
        stop = env.single_action_space.n - 1
        env.step(np.array([stop, stop]))
        _, rewards, terminated, truncated, infos = env.step(np.array([0, 0]))  # both restart, one is paid
        assert infos["status"].names().tolist() == ["ok", "unpaid"] and rewards.tolist() == [0, 0]
        assert not terminated.any() and not truncated.any() and len(history) == 3
        _, rewards, terminated, truncated, _ = env.step(np.array([stop, stop]))
        assert terminated.tolist() == [True, False] and truncated.tolist() == [False, True]
        with pytest.raises(BudgetExhausted):
            env.step(np.array([0, 0]))


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("limit", ({"evaluations": 11}, {"seconds": 50.0}, {"evaluations": 11, "seconds": 30.0}))
def test_a_scalar_environment_ends_as_a_single_lane_does(formulation, limit):
    vector = SearchVectorEnv(1, task(), formulation, autoreset_mode="disabled", budget=dict(limit))
    scalar = SearchEnv(task(), formulation, budget=dict(limit))
    rng = np.random.default_rng(2)
    vector.reset(seed=3), scalar.reset(seed=3)
    for _ in range(500):
        if formulation == "propose":
            action = scalar.task.space.sample(rng, 1)[0]
        else:
            action = rng.integers(scalar.action_space.n)
        seen, rewards, terminated, truncated, infos = vector.step(np.asarray(action)[None])
        expected = scalar.step(action)
        assert np.array_equal(seen[0], expected[0])
        assert (rewards[0], terminated[0], truncated[0]) == expected[1:4]
        for name, value in expected[4].items():
            np.testing.assert_equal(infos[name][0], value, name)  # an unpaid lane's parameters are NaN
        if terminated[0] or truncated[0]:
            raised = []
            for env, options in ((vector, {"reset_mask": np.array([True])}), (scalar, None)):
                try:
                    env.reset(options=options)
                except BudgetExhausted as error:
                    raised.append(str(error))
            assert len(raised) in (0, 2) and len(set(raised)) <= 1
            if raised:
                break
    else:
        pytest.fail("the budget never ended")
    assert scalar.task.budget.spent_evaluations == vector.task.budget.spent_evaluations > 5


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_info_speaks_of_a_budget_only_when_one_is_attached(formulation):
    def seen(env):
        rng = np.random.default_rng(0)
        found = set(env.reset(seed=0)[1])
        for _ in range(30):
            found |= set(step(env, rng)[4])
        return {name for name in found if "budget" in name}

    env = SearchVectorEnv(2, task(), formulation)
    scalar = SearchEnv(task(), formulation)
    assert not seen(env) and not any("budget" in name for name in scalar.reset(seed=0)[1])
    both = {"budget_evaluations", "budget_seconds"}
    with env.search(SearchBudget(evaluations=1000)):
        assert seen(env) == both | {f"_{name}" for name in both}
    with scalar.search(SearchBudget(evaluations=1000)):
        assert both <= set(scalar.reset(seed=0)[1])
    with env.search():  # a record alone is no budget
        assert not seen(env)
    assert not seen(env) and not any("budget" in name for name in scalar.reset(seed=0)[1])


def test_info_keeps_what_was_spent_when_it_was_made():
    env = SearchVectorEnv(2, task(), "propose", autoreset_mode="disabled")
    with env.search(SearchBudget(evaluations=100)):
        rng, infos = np.random.default_rng(0), []
        for _ in range(3):
            env.reset(seed=0)
            infos.append(step(env, rng)[4])
        assert [info["budget_evaluations"].tolist() for info in infos] == [[2, 2], [4, 4], [6, 6]]
        assert [info["budget_seconds"].tolist() for info in infos] == [[3, 3], [10, 10], [21, 21]]


def test_a_budget_given_to_the_environment_outlives_its_episodes():
    env = SearchEnv(task(), "propose", budget={"evaluations": 3})
    for spent in (1, 2, 3):
        env.reset(seed=0)
        assert env.step(env.action_space.sample())[4]["budget_evaluations"] == spent
    with pytest.raises(BudgetExhausted, match="3 evaluations"):
        env.reset(seed=0)
    with pytest.raises(RuntimeError, match="in a search already"), env.search(SearchBudget(evaluations=1)):
        pass


def test_an_environment_serves_one_search_after_the_other():
    env = SearchVectorEnv(2, task(), "propose", autoreset_mode="disabled")
    for _ in range(2):
        with env.search(SearchBudget(evaluations=4)) as history:
            with pytest.raises(RuntimeError, match="in a search already"), env.search():
                pass
            assert len(play(env, "disabled")) == 2
        assert len(history) == 4
    env.reset()  # free again
    with pytest.raises(ZeroDivisionError), env.search(SearchBudget(evaluations=4)):
        raise ZeroDivisionError
    env.reset()


def test_parallel_workers_shorten_the_search_and_change_nothing_else():
    histories = {}
    for workers in (1, 4):
        env = SearchVectorEnv(4, task(), "propose", autoreset_mode="disabled")
        budget = SearchBudget(evaluations=16, workers=workers)
        with env.search(budget) as history:
            play(env, "disabled")
        histories[workers] = history, budget
    one, four = (
        [{k: v for k, v in row.items() if k not in ("clock_seconds", "decision_seconds")} for row in h]
        for h, _ in histories.values()
    )
    assert one == four
    # Batches of (1..4), (5..8), …: each as long as its longest.
    assert histories[1][1].clock_seconds == sum(range(1, 17)) and histories[4][1].clock_seconds == 4 + 8 + 12 + 16
    clocks = [row["clock_seconds"] for row in histories[4][0]]
    assert clocks[:8] == [1, 2, 3, 4, 4 + 5, 4 + 6, 4 + 7, 4 + 8]


def test_decision_time_is_measured_apart_from_evaluation():
    class Slow(CostEvaluator):
        def evaluate(self, architectures, epochs, seeds):
            time.sleep(0.5)
            return super().evaluate(architectures, epochs, seeds)

    env = SearchVectorEnv(2, task(Slow()), "propose", autoreset_mode="disabled")
    rng = np.random.default_rng(0)
    with env.search(SearchBudget(evaluations=4)) as history:
        env.reset(seed=0)
        step(env, rng)
        env.reset()
        time.sleep(0.2)  # what a slow agent takes
        step(env, rng)
    decisions = history.column("decision_seconds")
    assert (decisions[:2] < 0.25).all()  # not the 0.5 s of evaluating
    assert (decisions[2:] >= 0.1).all() and (decisions[2:] < 0.35).all()  # 0.2 s shared by two rows
    assert (history.column("cost_seconds") == 270.0).all()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize(
    ("cost", "count"), [(0.1, 3), (0.1, 1000), (0.7, 999), (1 / 3, 4000), (1e-9, 300), (123.4, 77)]
)
def test_n_evaluations_fit_into_n_times_their_cost(cost, count, batch, workers):
    """The clock is a sum, which rounds: 3 × 0.1 is 0.30000000000000004, and a budget of 0.3 covers it; not 4."""
    budget = SearchBudget(seconds=float(f"{cost * count:.15g}"), workers=workers)
    budget.asynchronous = workers > 1
    paid = 0
    while not budget.exhausted:
        paid += int(budget.charge(np.full(batch, cost))[0].sum())
    assert paid == count * workers == budget.spent_evaluations
    live = SearchBudget(seconds=float(f"{cost * count:.15g}"))
    while not live.exhausted:
        live.settle(*live.reserve(1), cost)
    assert live.spent_evaluations == count


def test_numpys_numbers_are_limits_too():
    budget = SearchBudget(np.int64(5), np.float32(2.5), np.int32(2))
    assert [type(v) for v in (budget.evaluations, budget.seconds, budget.workers)] == [int, float, int]
    for wrong in ({"evaluations": True}, {"evaluations": 5.0}, {"seconds": "9"}, {"seconds": np.inf}):
        with pytest.raises(ValueError, match="a budget of"):
            SearchBudget(**wrong)


def test_reservations_are_neither_spent_nor_free():
    budget = SearchBudget(evaluations=5, workers=2)
    first = budget.reserve(3)
    assert first == [0.0, 0.0, None]  # two workers, three under way
    assert (budget.affordable, budget.reserved_evaluations, budget.spent_evaluations) == (2, 3, 0)
    assert budget.settle(first[1], 4.0) == (True, 4.0)
    assert budget.settle(first[0], 1.0) == (True, 1.0)
    assert budget.settle(first[2], 2.0) == (True, 3.0)  # on the worker that is free first
    assert budget.clock_seconds == 4.0 and budget.affordable == 2
    again = budget.reserve(9)
    assert again == [3.0, 4.0] and budget.affordable == 0 and not budget.exhausted
    budget.release(again[1:])
    assert budget.affordable == 1 and budget.reserve(1) == [4.0]
    assert budget.settle(4.0, 1.0) == (True, 5.0) and budget.settle(3.0, 1.0) == (True, 4.0)
    assert budget.exhausted and budget.reserve(1) == []


def test_what_does_not_fit_when_it_ends_is_not_paid_and_ends_the_search():
    budget = SearchBudget(seconds=10, workers=2)
    a, b = budget.reserve(2)
    assert budget.settle(a, 11.0) == (False, 11.0)
    assert budget.exhausted and budget.reserve(1) == []
    assert budget.settle(b, 9.0) == (True, 9.0)  # under way already, and in time
    assert budget.spent_evaluations == 1 and budget.clock_seconds == 9.0
    with pytest.raises(ValueError, match="cost_seconds is nan"):
        SearchBudget(evaluations=3).settle(None, float("nan"))
