"""Tables that lack rows: what is answered for them, and that every agent and formulation searches such a table."""

import copy
import json
import pickle

import gymnasium
import numpy as np
import pytest

from pynascent.agents import AGENTS, make_agent
from pynascent.envs import SearchBudget, SearchEnv, SearchTask, SearchVectorEnv, flops_isi_objective
from pynascent.envs.core.evaluation import METRICS, Metric, Status
from pynascent.envs.spaces import NASBench101Space, NASBench201Space, SearchSpace, space_from_config, space_to_config
from pynascent.envs.tables import (
    CategoricalSpace,
    CoveredSpace,
    MetricData,
    TableData,
    TableError,
    TableEvaluator,
    verify_table,
)

EVALUATIONS = 40
SPACE = NASBench201Space()


def write(path, space: SearchSpace, rows: np.ndarray, **changes) -> str:
    """Write a table of some rows of a space: an accuracy that its choices make, two fidelities, seconds, an energy."""
    quality = (rows / space.cardinalities).mean(axis=1)
    accuracy = np.round((0.2 + 0.6 * quality)[:, None] * [0.8, 1.0], 3)
    metrics = [
        MetricData(METRICS["validation_accuracy"], accuracy[:, :, None], (4, 36)),
        MetricData(METRICS["training_seconds"], (10 + 10 * quality)[:, None, None] * np.array([[4], [36]]), (4, 36)),
        MetricData(Metric("energy_mj", "mJ"), 5 + quality),
    ]
    if not isinstance(space, CategoricalSpace):
        metrics.append(MetricData(METRICS["flops"], space.cost(rows)["flops"]))
    arguments = {"search_metric": "validation_accuracy", "cost_metric": "training_seconds", "partial": True} | changes
    data = TableData(path.stem, space, metrics, architectures=rows, **arguments)
    return str(data.write(path).path)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A table of a twentieth of its space, and one that lacks nine rows."""
    folder, rng = tmp_path_factory.mktemp("partial"), np.random.default_rng(0)
    everything = rng.permutation(np.concatenate(list(SPACE.enumerate())))
    return {
        "twentieth": write(folder / "twentieth.nastable", SPACE, everything[: SPACE.size // 20]),
        "lacks nine": write(folder / "nine.nastable", SPACE, everything[9:]),
    }


@pytest.fixture(scope="module")
def lacking(tables):
    evaluator = TableEvaluator(tables["twentieth"])
    return evaluator, SPACE.from_index(np.arange(SPACE.size))[
        ~evaluator.covers(SPACE.from_index(np.arange(SPACE.size)))
    ]


@pytest.mark.parametrize("b", [1, 2, 7])
@pytest.mark.parametrize("epochs", [4, 36])
def test_a_missing_row_is_a_failed_evaluation(lacking, b, epochs):
    evaluator, absent = lacking
    known = evaluator.architectures()[:3]
    asked = np.concatenate([absent[:b], known])
    found = evaluator.evaluate(asked, np.full(b + 3, epochs), np.zeros(b + 3, dtype=int))
    assert found.status.tolist() == [Status.MISSING] * b + [Status.OK] * 3
    assert found.reasons == ["the table 'twentieth' has no row for it"] * b + [""] * 3
    assert found["validation_accuracy"][:b].tolist() == [0.0] * b
    assert np.isnan(found["energy_mj"][:b]).all() and np.isnan(found["training_seconds"][:b]).all()
    np.testing.assert_array_equal(found["flops"][:b], SPACE.cost(absent[:b])["flops"])
    seconds = evaluator.values("training_seconds", epochs)
    np.testing.assert_allclose(found.cost_seconds[:b], seconds.mean(), rtol=1e-12)
    np.testing.assert_array_equal(found.cost_seconds[b:], seconds[:3])
    alone = evaluator.evaluate(known, np.full(3, epochs), np.zeros(3, dtype=int))
    for name in evaluator.metrics:
        np.testing.assert_array_equal(found[name][b:], alone[name])
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        np.testing.assert_array_equal(other["flops"], found["flops"])
    one = evaluator.evaluate(absent[:1], np.array([epochs]), np.array([0]))
    assert one.row(0) == pytest.approx(found.row(0), nan_ok=True) and one.row(0)["status"] == "missing"


def test_both_fidelities_in_one_batch_cost_their_own(lacking):
    evaluator, absent = lacking
    found = evaluator.evaluate(absent[:2], np.array([4, 36]), np.zeros(2, dtype=int))
    means = [evaluator.values("training_seconds", epochs).mean() for epochs in (4, 36)]
    np.testing.assert_allclose(found.cost_seconds, means, rtol=1e-12)


def test_a_space_of_names_has_no_flops_to_count(tmp_path):
    space = CategoricalSpace({"a": [1, 2, 3], "b": [1, 2]})
    path = write(tmp_path / "names.nastable", space, np.array([[0, 0], [2, 1]]), cost_metric=None, nominal_seconds=3.0)
    found = TableEvaluator(path).evaluate(np.array([[1, 1]]), np.array([36]), np.array([0]))
    assert found.status.tolist() == [Status.MISSING] and found.cost_seconds.tolist() == [108.0]
    assert found["validation_accuracy"].tolist() == [0.0]


def test_what_is_no_architecture_is_still_refused(lacking):
    evaluator, absent = lacking
    for wrong in (np.full((1, 6), 5), np.concatenate([absent[:2], np.full((1, 6), -1)])):
        with pytest.raises(ValueError, match="has option"):
            evaluator.evaluate(wrong, np.full(len(wrong), 36), np.zeros(len(wrong), dtype=int))
    with pytest.raises(TableError, match="epochs=5"):
        evaluator.evaluate(absent[:1], np.array([5]), np.array([0]))


def test_error_names_the_first_and_the_ways_out(tables, lacking):
    evaluator = TableEvaluator(tables["twentieth"], missing="error")
    for b in (1, 3):
        with pytest.raises(TableError, match=r"no row for \|.*missing='failed' or missing='mask'"):
            evaluator.evaluate(lacking[1][:b], np.full(b, 36), np.zeros(b, dtype=int))


def test_modes_are_checked_and_travel(tables):
    with pytest.raises(TableError, match=r"missing='masked' \(did you mean 'mask'\?\): choose failed, mask, error"):
        TableEvaluator(tables["twentieth"], missing="masked")
    for mode in ("failed", "mask", "error"):
        evaluator = TableEvaluator(tables["twentieth"], missing=mode)
        for other in (pickle.loads(pickle.dumps(evaluator)), copy.deepcopy(evaluator)):
            assert other.missing == mode and other.space == evaluator.space


def test_a_whole_table_is_the_same_in_every_mode(known, tmp_path):
    path = known.data(partial=True).write(tmp_path / "whole.nastable").path
    evaluator = TableEvaluator(path, missing="mask")
    assert not evaluator.table.header.partial, "it covers all, whatever was declared"
    assert evaluator.space == known.space


# -- the view -----------------------------------------------------------------------------------------


@pytest.fixture(params=["twentieth", "lacks nine"])
def view(request, tables) -> CoveredSpace:
    space = TableEvaluator(tables[request.param], missing="mask").space
    assert isinstance(space, CoveredSpace)
    return space


def test_the_view_is_the_rows(view):
    rows = {tuple(row) for row in view.listed.tolist()}
    everything = SPACE.from_index(np.arange(SPACE.size))
    expected = [tuple(row) in rows for row in everything.tolist()]
    assert view.valid(everything).tolist() == expected
    assert view.count() == len(rows) and view.constrained
    np.testing.assert_array_equal(np.concatenate(list(view.enumerate(100))), view.listed)
    with pytest.raises(ValueError, match=r"not valid .* the table has no row for it"):
        view.check(everything[~np.array(expected)][:1])


def test_the_views_masks_are_exact(view):
    for position in range(view.n):
        prefixes = view.listed.copy()
        prefixes[:, position:] = -1
        mask = view.option_mask(prefixes, np.full(len(prefixes), position))
        offered = np.unique(np.column_stack([prefixes[:, :position], mask]), axis=0)[:, position:].sum()
        assert offered == len(np.unique(view.listed[:, : position + 1], axis=0))
        np.testing.assert_array_equal(mask, SearchSpace.option_mask(view, prefixes, np.full(len(prefixes), position)))


def test_the_view_moves_among_rows(view):
    rng = np.random.default_rng(3)
    drawn = view.sample(rng, 3000)
    assert view.valid(drawn).all()
    for changes in (1, 2, 5):
        children = view.mutate(drawn[:50], rng, changes)
        assert view.valid(children).all() and (children != drawn[:50]).any(axis=1).all()
        if view.count() > 10_000:
            assert ((children != drawn[:50]).sum(axis=1) == changes).all()
    for origin in drawn[:20]:
        around = view.neighbours(origin)
        far = (around != origin).sum(axis=1)
        distances = (view.listed != origin).sum(axis=1)
        assert len(around) == (distances == distances[distances > 0].min()).sum() and len(set(far)) == 1
    assert view.valid(view.crossover(drawn[:50], drawn[50:100], rng)).all()
    assert view.valid(view.canonical(drawn)).all()
    np.testing.assert_array_equal(view.canonical(view.canonical(drawn)), view.canonical(drawn))
    same = SPACE.canonical(view.canonical(drawn))
    np.testing.assert_array_equal(same, SPACE.canonical(drawn))
    assert view.cost(view.listed)["flops"].max() == view.cost(view.largest())["flops"][0]
    text = view.to_string(drawn[0])
    np.testing.assert_array_equal(view.parse(text), drawn[0])


def test_the_view_travels_as_json(view):
    config = json.loads(json.dumps(space_to_config(view)))
    other = space_from_config(config)
    assert other == view
    np.testing.assert_array_equal(other.listed, view.listed)


def test_a_configuration_never_imports_through_the_view(tables, tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    name = "pynascent.envs.tables.covered:CoveredSpace"
    config = {"space": name, "table": tables["twentieth"], "of": {"space": "stranger:Space"}}
    with pytest.raises(ValueError, match="which a file from elsewhere does not get to import"):
        space_from_config(config)


def test_a_table_of_one_row_has_nowhere_to_go(tmp_path):
    path = write(tmp_path / "sole.nastable", SPACE, SPACE.from_index([5]))
    view = TableEvaluator(path, missing="mask").space
    assert view.neighbours(view.listed[0]).shape == (0, 6)
    with pytest.raises(ValueError, match="in 1 rows"):
        view.mutate(view.listed, np.random.default_rng(0))
    assert view.option_mask(np.full((1, 6), -1), np.array([0])).sum() == 1


# -- searching ----------------------------------------------------------------------------------------


def search(agent, table, mode, seed=0, evaluations=EVALUATIONS):
    """Search a table with an agent, in the formulation that it plays."""
    evaluator = TableEvaluator(table, missing=mode)
    task = SearchTask(evaluator, flops_isi_objective(0.01, 0.0), evaluator.search_metric)
    return agent.search(vector_env(agent, task, 4), SearchBudget(evaluations=evaluations), seed)


def vector_env(agent, task, lanes=2):
    """Make the environment that an agent plays."""
    chosen = {"observation": agent.observation, "autoreset_mode": agent.autoreset_mode}
    chosen |= {"epochs": "choose"} if agent.multi_fidelity else {}
    return SearchVectorEnv(lanes, task, agent.formulation, **chosen)


@pytest.mark.parametrize("table", ["twentieth", "lacks nine"])
@pytest.mark.parametrize("mode", ["failed", "mask"])
@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_searches_a_partial_table(name, mode, table, tables):
    try:
        agent = make_agent(name)
    except ModuleNotFoundError as error:  # the environments are tested on their own dependencies as well
        pytest.skip(str(error))
    history = search(agent, tables[table], mode)
    assert len(history) == EVALUATIONS
    statuses = set(history.column("status"))
    assert statuses <= ({"ok"} if mode == "mask" else {"ok", "missing"})
    if mode == "mask":
        assert TableEvaluator(tables[table]).covers(history.column("architecture")).all()
    elif table == "twentieth" and name == "random":
        assert (history.column("status") == "missing").mean() > 0.8


@pytest.mark.parametrize("formulation", ["build", "edit", "propose"])
@pytest.mark.parametrize("missing", ["failed", "mask"])
def test_environments_take_the_mode(formulation, missing, tables):
    name = f"PyNASCENT/Table-{formulation.capitalize()}-v0"
    env = gymnasium.make(name, table=tables["twentieth"], evaluator={"missing": missing}, disable_env_checker=True)
    seen = set()
    for seed in range(15):
        _, info = env.reset(seed=seed)
        env.action_space.seed(seed)
        done, steps = False, 0
        while not done:
            action = (
                env.action_space.sample() if formulation == "propose" else env.action_space.sample(info["action_mask"])
            )
            _, _, terminated, truncated, info = env.step(action)
            done, steps = terminated or truncated, steps + 1
            if "status" in info:
                seen.add(str(info["status"]))
            assert steps < 200
    if missing == "failed":
        assert "missing" in seen
    else:
        assert "missing" not in seen and ("ok" in seen or formulation == "propose")


def test_scalar_and_vector_agree_on_missing_rows(tables):
    for formulation in ("build", "propose"):
        evaluator = TableEvaluator(tables["twentieth"])
        task = SearchTask(evaluator, flops_isi_objective(0.01, 0.0))
        scalar, vector = SearchEnv(task, formulation), SearchVectorEnv(3, task, formulation)
        rng = np.random.default_rng(1)
        scalar.reset(seed=4)
        vector.reset(seed=4)
        for row in SPACE.sample(rng, 6):
            for action in row if formulation == "build" else [row]:
                _, reward, *_ = scalar.step(action)
                _, rewards, *_ = vector.step(np.array([action] * 3))
                assert rewards[0] == reward
            scalar.reset()
            vector.step(np.array([action] * 3))


def test_a_corner_of_nasbench101_is_searched(tmp_path):
    """20,001 of 423,624 cells, canonical forms: every agent of the cheap kind gets through it, masked or not."""
    space, rng = NASBench101Space(), np.random.default_rng(5)
    rows = np.unique(space.canonical(space.sample(rng, 24_000)), axis=0)
    rows = rows[rng.permutation(len(rows))[:20_001]]
    quality = (rows / space.cardinalities).mean(axis=1)
    metrics = [MetricData(METRICS["validation_accuracy"], np.round(quality, 3)[:, None, None], (108,))]
    data = TableData("corner", space, metrics, "validation_accuracy", rows, canonical=True, partial=True)
    table = str(data.write(tmp_path / "corner.nastable").path)
    for mode in ("failed", "mask"):
        for name in ("random", "grid", "local_search", "regularized_evolution", "genetic"):
            evaluator = TableEvaluator(table, missing=mode)
            task = SearchTask(evaluator, flops_isi_objective(0.0, 0.0))
            agent = make_agent(name)
            history = agent.search(vector_env(agent, task), SearchBudget(evaluations=12), 0)
            assert len(history) == 12
            assert mode == "failed" or set(history.column("status")) == {"ok"}
    view = TableEvaluator(table, missing="mask")
    assert view.space.valid(view.space.sample(rng, 100)).all()
    list(verify_table(view.table, space))


def test_edit_starts_at_a_row_however_sparse_the_table_is(tmp_path):
    space = CategoricalSpace({f"c{i}": list(range(10)) for i in range(12)})
    rows = np.unique(space.sample(np.random.default_rng(0), 50), axis=0)
    path = write(tmp_path / "sparse.nastable", space, rows)
    env = gymnasium.make("PyNASCENT/Table-Edit-v0", table=path, evaluator={"missing": "mask"}, disable_env_checker=True)
    _, info = env.reset(seed=0)
    assert str(info["status"]) == "ok"
    task = SearchTask(TableEvaluator(path, missing="mask"), flops_isi_objective(0.0, 0.0))
    for name in ("grid", "random", "local_search", "bohb"):
        agent = make_agent(name)
        history = agent.search(vector_env(agent, task), SearchBudget(evaluations=20), 0)
        assert set(history.column("status")) == {"ok"}
