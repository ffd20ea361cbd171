"""The data sheet of NAS-Digits: its figures against brute force, on a small table of known contents."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from pynascent.envs import environment_id
from pynascent.envs.core.evaluation import METRICS, Metric
from pynascent.envs.core.tasks import TASKS, make_evaluator
from pynascent.envs.mdp.formulations import FORMULATIONS
from pynascent.envs.spaces import ChainSpace, space_to_config
from pynascent.envs.tables import MEAN_SEED, MetricData, TableData
from pynascent.envs.tables.finding import EMBEDDED

for package in ("matplotlib", "moocore", "scipy"):
    pytest.importorskip(package)

ROOT = Path(__file__).parents[3]

from pynascent.scripts.reproduce.nas_digits.datasheet.__main__ import OUT, write  # noqa: E402
from pynascent.scripts.reproduce.nas_digits.datasheet.measured import Measured  # noqa: E402
from pynascent.scripts.reproduce.nas_digits.datasheet.oracle import front, random_search  # noqa: E402
from pynascent.scripts.reproduce.nas_digits.datasheet.ranks import spread, two_seeds, with_other_trainings  # noqa: E402
from pynascent.scripts.reproduce.nas_digits.datasheet.sections import BARS  # noqa: E402
from pynascent.scripts.reproduce.nas_digits.datasheet.sweep import (  # noqa: E402
    LAMBDAS,
    MUS,
    Best,
    best_under,
    choose,
    sweep,
)
from pynascent.scripts.reproduce.nas_digits.datasheet.terms import (  # noqa: E402
    choose_where_terms_matter,
    correlations,
    ignoring_isi,
    task_weights,
    winners,
)

LAM, MU = 0.02, 0.1
EPOCHS, FIDELITIES = (1, 3, 9, 18, 27), (1, 3, 9, 27)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A table like NAS-Digits of a smaller space, with noise between seeds and equal accuracies here and there."""
    space = ChainSpace(blocks=2, operations=("skip", "conv_1x1", "conv_3x3"), widths=(4, 8))
    rows = np.concatenate(list(space.enumerate()))
    rows = rows[(space.canonical(rows) == rows).all(axis=1)]
    rng, cost, n = np.random.default_rng(5), space.cost(rows), len(rows)
    size = np.log(cost["flops"] / cost["flops"].min())
    quality = 0.5 + 0.08 * size + 0.05 * rng.standard_normal(n)

    def trainings(base, epochs, noise):
        rise = 1 - 0.6 * np.exp(-np.array(epochs) / 6)
        return np.clip(
            base[:, None, None] * rise[:, None] + noise * rng.standard_normal((n, len(epochs), 3)), 0.02, 0.99
        )

    def fraction(name):
        return Metric(name, "fraction", None, 0.0, 1.0, maximize=True)

    def measured(metric, base, epochs=FIDELITIES, noise=0.02):
        return MetricData(metric, np.round(trainings(base, epochs, noise), 4), epochs)

    isi = 0.9 - 0.05 * size + 0.05 * rng.standard_normal(n)
    accuracies = [
        MetricData(METRICS[name], np.round(trainings(quality, EPOCHS, 0.02) * k) / k, EPOCHS, resolution=k)
        for name, k in (("validation_accuracy", 50), ("test_accuracy", 633))
    ]
    seconds = np.array(EPOCHS)[:, None] * np.ones((n, 1, 3)) * 0.05
    data = TableData(
        name="digits",
        space=space,
        architectures=rows,
        metrics=[
            *accuracies,
            MetricData(METRICS["training_seconds"], seconds, EPOCHS),
            measured(METRICS["isi"], isi),
            measured(fraction("isi_spearman"), isi),
            measured(fraction("isi_probe_error"), np.full(n, 0.02), noise=0.001),
            MetricData(fraction("isi_across_seeds"), rng.uniform(0.3, 0.5, n)),
            *(MetricData(METRICS[name], cost[name]) for name in ("flops", "parameters")),
            MetricData(METRICS["latency_ms"], 0.1 + size, trust_unit=True),
            MetricData(Metric("latency_batch64_ms", "ms"), 1 + size, trust_unit=True),
        ],
        search_metric="validation_accuracy",
        fidelities=FIDELITIES,
        cost_metric="training_seconds",
        canonical=True,
    )
    path = tmp_path_factory.mktemp("table") / "small.nastable"
    data.write(path)
    return path


@pytest.fixture(scope="module")
def measured(path) -> Measured:
    return Measured(str(path))


def test_weights_count_the_architectures_of_each_canonical_form(measured):
    space = measured.space
    everything = np.concatenate(list(space.enumerate()))
    forms = [tuple(row) for row in space.canonical(everything)]
    assert measured.weights.tolist() == [forms.count(tuple(row)) for row in measured.rows]
    assert measured.weights.sum() == space.size and measured.weights.max() > 1


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_random_searchs_expectation_is_what_drawn_searches_come_to(measured, seeds):
    draws, searches, rng = 6, 20_000, np.random.default_rng(1)
    drawn = measured.space.sample(rng, searches * draws)
    rows = measured.evaluator.rows(drawn).reshape(searches, draws)
    seen_by_seed = np.array([measured.rewards(LAM, MU, seed) for seed in seeds])
    seen = seen_by_seed[rng.integers(len(seeds), size=rows.shape), rows]
    first = seen.argmax(axis=1)
    best, chosen = seen.max(axis=1), rows[np.arange(searches), first]
    simulated = {
        "seen": best,
        "true": measured.rewards(LAM, MU)[chosen],
        "test": measured.mean("test_accuracy")[chosen],
    }
    (expected,) = random_search(measured, LAM, MU, seeds, (draws,))
    for name, values in simulated.items():
        error = values.std(ddof=1) / np.sqrt(searches)
        assert abs(getattr(expected, name) - values.mean()) < 4 * error, name
        assert error < 0.002
    assert expected.sd == pytest.approx(best.std(), rel=0.05)


def test_random_search_gets_better_and_ends_at_the_best_to_see(measured):
    found = random_search(measured, LAM, MU, measured.seeds, (1, 2, 10, 100, 100_000))
    assert (np.diff([line.seen for line in found]) > 0).all()
    assert found[-1].seen == pytest.approx(max(measured.rewards(LAM, MU, seed).max() for seed in measured.seeds))


def boxes_volume(points: np.ndarray, reference: np.ndarray) -> float:
    """The volume of a union of boxes from a reference point, cell by cell of the grid of all coordinates."""
    edges = [np.unique([r, *column]) for r, column in zip(reference, np.maximum(points, reference).T, strict=True)]
    corners = np.stack(np.meshgrid(*(edge[1:] for edge in edges), indexing="ij"), axis=-1)
    sizes = np.prod(np.stack(np.meshgrid(*(np.diff(edge) for edge in edges), indexing="ij"), axis=-1), axis=-1)
    covered = (points >= corners[..., None, :]).all(axis=-1).any(axis=-1)
    return float(sizes[covered].sum())


@pytest.mark.parametrize("isi", [False, True])
def test_the_front_is_what_nothing_dominates_and_its_volume_the_union_of_boxes(measured, isi):
    terms = [measured.mean("validation_accuracy"), -np.log(measured.flops), *([measured.mean("isi")] if isi else [])]
    points = np.stack(terms, axis=1)
    undominated = [
        row
        for row, point in enumerate(points)
        if not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any()
    ]
    found = front(measured, isi)
    assert sorted(found.rows) == undominated and len(undominated) > 3
    reference = np.array([0.1, -np.log(measured.flops.max()), 0.0][: points.shape[1]])
    assert found.reference == pytest.approx(tuple(reference))
    assert found.hypervolume == pytest.approx(boxes_volume(points, reference))
    assert found.share == pytest.approx(found.hypervolume / np.prod(points.max(axis=0) - reference))


def test_two_seeds_and_spread():
    rising = np.arange(10.0)
    assert two_seeds(np.array([rising, rising**3])) == pytest.approx((1.0, 1.0))
    assert two_seeds(np.array([rising, rising, -rising])) == pytest.approx((-1 / 3, -1.0))
    rng = np.random.default_rng(0)
    trainings = rng.normal(0, 3, 4000) + rng.normal(0, 2, (3, 4000))
    assert spread(trainings) == pytest.approx(((9 + 4 / 3) ** 0.5, 2.0), rel=0.05)


def test_a_training_is_not_compared_with_itself():
    luck = np.random.default_rng(0).standard_normal((3, 4000))  # architectures alike, trainings not
    assert two_seeds(luck)[0] == pytest.approx(0, abs=0.05)
    assert with_other_trainings(luck, luck) == pytest.approx(0, abs=0.05)
    quality = np.arange(4000.0)
    assert with_other_trainings(quality + luck, quality + luck) > 0.99


def test_extreme_weights_have_extreme_bests(measured):
    accuracy, isi = measured.mean("validation_accuracy"), measured.mean("isi")
    assert accuracy[best_under(measured, 0, 0).row] == accuracy.max()
    assert measured.flops[best_under(measured, 100, 0).row] == measured.flops.min()
    assert isi[best_under(measured, 0, 1e4).row] == isi.max()
    rewards = accuracy - LAM * np.log(measured.flops) - MU * (1 - isi)
    best = best_under(measured, LAM, MU)
    assert measured.rewards(LAM, MU) == pytest.approx(rewards) and best.row == rewards.argmax()
    assert best.lead == pytest.approx(np.diff(np.sort(rewards)[-2:])[0])
    sizes = [measured.flops[line[0].row] for line in sweep(measured, (0, 0.01, 0.03, 0.1, 1), (0.1,))]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


def test_the_choice_is_the_middle_of_the_largest_region_of_middle_size():
    rank = {0: 0.99, 1: 0.5, 2: 0.4, 3: 0.01}
    rows = [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
        [0, 2, 2, 3, 3, 3],
    ]
    grid = [
        [Best(0.1 * i, 0.1 * j, row, rank[row], 0.9, 0.8, 0.0) for j, row in enumerate(line)]
        for i, line in enumerate(rows)
    ]
    chosen = choose(grid)
    assert chosen is not None and (chosen.lam, chosen.mu) == pytest.approx((0.2, 0.3))
    assert choose([[replace(best, flops_rank=0.95) for best in line] for line in grid]) is None


def test_both_terms_decide_where_moving_either_weight_makes_another_the_best():
    rows = [[0, 0, 0, 0], [1, 2, 2, 0], [1, 2, 3, 0], [1, 1, 4, 4], [4, 4, 4, 4]]
    leads = {(1, 1): 0.01, (1, 2): 0.02, (2, 1): 0.03, (2, 2): 0.015, (3, 1): 0.9, (3, 2): 0.9}
    found = [
        [Best(0.1 * i, 0.1 * j, row, 0.5, 0.9, 0.8, leads.get((i, j), 0.5)) for j, row in enumerate(line)]
        for i, line in enumerate(rows)
    ]
    chosen = choose_where_terms_matter(found)  # (3, 1) is the best without ISI, (3, 2) the best at the largest λ
    assert chosen is not None and (chosen.lam, chosen.mu) == pytest.approx((0.2, 0.1))
    found[2][1] = replace(found[2][1], flops_rank=0.95)
    chosen = choose_where_terms_matter(found)
    assert chosen is not None and (chosen.lam, chosen.mu) == pytest.approx((0.1, 0.2))
    assert choose_where_terms_matter([line[:2] for line in found]) is None


def test_what_is_given_away_without_isi(measured):
    accuracy, isi, ln_flops = measured.mean("validation_accuracy"), measured.mean("isi"), np.log(measured.flops)
    best, other, lost = ignoring_isi(measured, 0.05, 2.0)
    without = accuracy - 0.05 * ln_flops
    assert best == (without + 2.0 * isi).argmax() and other == without.argmax() and best != other
    assert lost == pytest.approx((without + 2.0 * isi)[best] - (without + 2.0 * isi)[other]) and lost > 0
    assert ignoring_isi(measured, 0.05, 0.0)[2] == 0


def test_the_data_sheet_is_written_and_is_the_same_again(path, tmp_path):
    text = write(str(path), tmp_path / "one", LAM, MU).read_text(encoding="utf-8")
    assert write(str(path), tmp_path / "two", LAM, MU).read_text(encoding="utf-8") == text
    shown = re.findall(r"!\[.+\]\((.+)\)", text)
    assert (
        sorted(shown) == sorted(p.name for p in (tmp_path / "one").glob("*.png")) and len(shown) == len(set(shown)) > 6
    )
    for name in shown:
        content = (tmp_path / "one" / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 300_000
        assert content == (tmp_path / "two" / name).read_bytes()
    assert "nan" not in text and Measured(str(path)).evaluator.table.header.sha256 in text
    # What the data sheet's prose points at is there.
    prose = (ROOT / "docs" / "digits.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-") for line in text.splitlines() if line[:3] == "## "
    }
    pointed = set(re.findall(r"digits/figures\.md#([\w-]+)", prose))
    assert pointed <= headings and len(pointed) > 6
    assert set(re.findall(r"!\[.+\]\(digits/(.+)\)", prose)) <= set(shown)


def test_a_table_of_one_width_has_a_data_sheet_too(path, tmp_path):
    whole = Measured(str(path))
    header, kept = whole.evaluator.table.header, whole.widths[8]
    space = ChainSpace(**{**whole.space.config(), "widths": [8]})
    rows = whole.rows[kept].copy()
    rows[:, -1] = 0
    metrics = []
    for name, column in header.columns.items():
        if column.epochs is None:
            values = whole.mean(name)[kept]
        else:
            values = np.stack([whole.by_seed(name, e)[:, kept].T for e in column.epochs], axis=1)
        metrics.append(MetricData(column.metric, values, column.epochs, trust_unit=True))
    data = TableData(
        name="digits",
        space=space,
        metrics=metrics,
        search_metric=header.search_metric,
        architectures=rows,
        fidelities=header.fidelities,
        cost_metric=header.cost_metric,
        canonical=True,
    )
    part = tmp_path / "part.nastable"
    data.write(part)
    text = write(str(part), tmp_path / "out", LAM, MU).read_text(encoding="utf-8")
    assert "| all, larger half |" in text and "| width 8 |" not in text


def test_the_sweep_is_one_command(path):
    command = [sys.executable, "-m", "pynascent.scripts.reproduce.nas_digits.datasheet.sweep", "--table", str(path)]
    command += ["--lam", "0", "0.02", "--mu", "0", "0.1"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    assert "| λ \\ μ | 0 | 0.1 |" in printed and "| 0.02 |" in printed


embedded = pytest.mark.skipif(not (EMBEDDED / "digits.nastable").is_file(), reason="the package has no NAS-Digits yet")


@embedded
def test_the_documented_figures_are_those_of_the_table_in_the_package():
    header = Measured(str(EMBEDDED / "digits.nastable")).evaluator.table.header
    stamped = (OUT / "figures.md").read_text(encoding="utf-8")
    assert header.sha256 in stamped, "write it anew: python -m pynascent.scripts.reproduce.nas_digits.datasheet"


@embedded
@pytest.mark.parametrize("name", BARS)
def test_nas_digits_reaches_its_bars(name):
    digits = Measured(str(EMBEDDED / "digits.nastable"))
    assert two_seeds(digits.by_seed(name))[0] >= BARS[name]


@embedded
def test_the_default_weights_favour_neither_the_largest_nor_the_smallest():
    digits, task = Measured(str(EMBEDDED / "digits.nastable")), TASKS["Digits"]
    best = best_under(digits, task.lam, task.mu)
    assert digits.flops.min() < digits.flops[best.row] < digits.flops.max()
    assert 0.1 < best.flops_rank < 0.9 and task.lam > 0 and task.mu > 0


@embedded
def test_isi_does_not_decide_in_digits_and_does_in_digits_isi():
    digits = Measured(str(EMBEDDED / "digits.nastable"))
    plain, isi = TASKS["Digits"], TASKS["DigitsISI"]
    assert len({best_under(digits, plain.lam, mu).row for mu in (*MUS, plain.mu)}) == 1
    best = best_under(digits, isi.lam, isi.mu)
    ends = [(isi.lam, MUS[0]), (isi.lam, MUS[-1]), (LAMBDAS[0], isi.mu), (LAMBDAS[-1], isi.mu)]
    assert best.row not in {best_under(digits, lam, mu).row for lam, mu in ends}
    for seed in digits.seeds:
        assert ignoring_isi(digits, isi.lam, isi.mu, seed)[2] > 0
    assert choose_where_terms_matter(sweep(digits)) == best


@embedded
def test_the_documented_winners_are_those_of_the_table():
    digits = Measured(str(EMBEDDED / "digits.nastable"))
    prose = (ROOT / "docs" / "digits.md").read_text(encoding="utf-8").splitlines()
    section = prose[prose.index("## Does ISI matter in the reward?") :]
    table = section[section.index(winners(digits, 0.06)[0]) :]
    expected = [*winners(digits, TASKS["Digits"].lam), *winners(digits, TASKS["DigitsISI"].lam)[2:]]
    assert table[: len(expected) + 1] == [*expected, ""]
    figures = (OUT / "figures.md").read_text(encoding="utf-8").splitlines()
    assert set(correlations(digits, task_weights())) <= set(figures)


@embedded
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_environments_of_digits_isi_reward_by_its_weights(formulation):
    env: Any = gymnasium.make(environment_id("DigitsISI", formulation)).unwrapped
    digits, spec, last = Measured("digits"), TASKS["DigitsISI"], env.task.evaluator.fidelities[-1]
    many = np.ones(len(digits), dtype=np.int64)
    _, rewards = env.task.evaluate(digits.rows, last * many, MEAN_SEED * many)
    assert rewards.argmax() == best_under(digits, spec.lam, spec.mu).row != best_under(digits, spec.lam, 0).row
    assert rewards == pytest.approx(digits.rewards(spec.lam, spec.mu))


def test_live_digits_isi_trains_what_the_table_holds(tmp_path):
    pytest.importorskip("keras")
    pytest.importorskip("ray")
    from pynascent.scripts.reproduce.nas_digits.settings import DATASET, TRAINING, digits_space
    from pynascent.trainers.data.datasets import load_dataset

    spec = TASKS["LiveDigitsISI"]
    evaluator: Any = make_evaluator(spec, {"store": str(tmp_path / "store.sqlite")})
    assert evaluator.dataset.checksum == load_dataset(DATASET).checksum != load_dataset("digits").checksum
    assert space_to_config(evaluator.space) == space_to_config(digits_space())
    assert evaluator.stages[0].training == TRAINING
    assert (spec.lam, spec.mu) == (TASKS["DigitsISI"].lam, TASKS["DigitsISI"].mu)
