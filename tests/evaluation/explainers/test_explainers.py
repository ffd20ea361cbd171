"""Every registered explainer: conformance, exactness where it is known, and what each promises."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from pynascent.envs.spaces import ChainSpace, NetworkBuilder
from pynascent.evaluation.explainers import (
    EXPLAINERS,
    CompletenessError,
    Explainer,
    GraphModel,
    completeness_gap,
    make_explainer,
)
from pynascent.evaluation.explainers.base import check_completeness
from pynascent.evaluation.explainers.lime import grid_segments, quiet_explainer

keras = pytest.importorskip("keras")
pytest.importorskip("shap")
pytest.importorskip("lime")
datasets = pytest.importorskip("sklearn.datasets")

from pynascent.trainers.keras.builder import build_model  # noqa: E402

FAST = {"shap": {"max_evals": 200}, "lime": {"num_samples": 300}, "integrated_gradients": {"steps": 64}}
NAMES = sorted(EXPLAINERS)


def fast(name: str, **settings) -> Explainer:
    """The explainer with settings small enough for a test."""
    return make_explainer(name, **{**FAST.get(name, {}), **settings})


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Real 8×8 images (b, 8, 8, 1) in 0..1 and labels."""
    loaded = datasets.load_digits()
    return (loaded.images[..., None] / 16).astype(np.float32), loaded.target


@pytest.fixture(scope="module")
def trained(digits):
    """A small trained network with every awkward layer: batch normalisation, depthwise, max-pool, residual."""
    space = ChainSpace()
    architecture = space.parse(
        "stage1_block1=conv_3x3 stage1_block2=sep_conv_3x3 stage2_block1=max_pool_3x3 stage2_block2=conv_1x1 "
        "residual=yes width=8"
    )
    keras.utils.set_random_seed(0)
    model = build_model(space.network(architecture), seed=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    images, labels = digits
    model.fit(images[:1000], labels[:1000], batch_size=50, epochs=10, verbose=0)
    assert model.evaluate(images[1000:], labels[1000:], verbose=0)[1] > 0.85
    return model


@pytest.fixture(scope="module")
def linear():
    """A linear model of a 4×4×1 image, and its weights (16, 3): attributions are known exactly."""
    b = NetworkBuilder((4, 4, 1))
    model = build_model(b.build(b.dense(b.reshape(b.input, (16,)), 3)), seed=1)
    return model, model.get_weights()[0]


# -- conformance ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name, trained, digits):
    images, labels = digits[0][1000:1004], digits[1][1000:1004]
    explainer = fast(name)
    assert isinstance(explainer, Explainer) and explainer.name == name
    assert json.loads(json.dumps(explainer.settings)) == explainer.settings
    assert make_explainer(name, **explainer.settings) == explainer

    before, given = trained.get_weights(), images.copy()
    np.random.seed(54321)
    expected = np.random.RandomState(54321).random()
    maps = explainer.explain(trained, images, labels)
    assert maps.shape == images.shape and maps.dtype == np.float32
    assert np.isfinite(maps).all() and np.abs(maps).max(axis=(1, 2, 3)).min() > 0
    assert all(np.array_equal(a, b) for a, b in zip(before, trained.get_weights(), strict=True))
    assert np.array_equal(images, given)
    assert np.random.random() == expected, "the global generator was disturbed"

    np.random.seed(12345)  # what the rest of the program draws must not matter
    assert np.array_equal(fast(name).explain(trained, images, labels), maps)
    in_graph = explainer.explain(GraphModel(trained, images.shape[1:]), images, labels)
    np.testing.assert_allclose(in_graph, maps, rtol=1e-3, atol=1e-4)

    alone = explainer.explain(trained, images[2:3], labels[2:3])
    np.testing.assert_allclose(alone[0], maps[2], rtol=1e-3, atol=1e-3, err_msg="a map depends on the batch")

    other = explainer.explain(trained, images, (labels + 1) % 10)
    assert all(np.abs(a - b).max() > 0.05 * np.abs(a).max() for a, b in zip(maps, other, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_pixels_that_speak_for_a_class_carry_its_logit(name, trained, digits):
    images, labels = digits[0][1000:1012], digits[1][1000:1012]
    explainer = fast(name)
    rows = np.arange(len(images))

    def logit_without(maps: np.ndarray) -> float:
        """Mean logit of the true class when the ten pixels that a map ranks highest are hidden."""
        hidden = images.reshape(len(images), -1).copy()
        np.put_along_axis(hidden, np.argsort(-maps.reshape(hidden.shape), axis=1)[:, :10], 0.0, axis=1)
        return float(trained(hidden.reshape(images.shape), training=False).numpy()[rows, labels].mean())

    own = explainer.explain(trained, images, labels)
    other = explainer.explain(trained, images, (labels + 1) % 10)
    assert logit_without(own) < logit_without(other) - 1.0
    assert logit_without(own) < logit_without(-own) - 1.0


@pytest.mark.parametrize("name", NAMES)
def test_stochastic_means_that_the_seed_matters(name, trained, digits):
    images, labels = digits[0][:1], digits[1][:1]
    explainer = fast(name)
    assert explainer.stochastic == ("seed" in explainer.settings)
    if explainer.stochastic:
        maps = [fast(name, seed=seed).explain(trained, images, labels) for seed in (0, 1)]
        assert not np.array_equal(*maps)


@pytest.mark.parametrize("name", [name for name in NAMES if EXPLAINERS[name].complete])
@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_completeness_where_promised(name, baseline, trained, digits):
    images, labels = digits[0][:6], digits[1][:6]
    maps = fast(name, baseline=baseline).explain(trained, images, labels)
    gap = np.abs(completeness_gap(trained, images, labels, maps, baseline))
    change = np.abs(maps.sum(axis=(1, 2, 3)))
    assert (gap <= (1e-3 if name == "shap" else 0.05) * (1 + change)).all()
    # It can fail: a map of another class does not sum to this one's logit.
    wrong = fast(name, baseline=baseline).explain(trained, images, (labels + 1) % 10)
    assert np.abs(completeness_gap(trained, images, labels, wrong, baseline)).min() > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_linear_model_is_explained_by_its_weights(name, linear):
    model, weights = linear
    images = np.random.default_rng(0).uniform(0.2, 1.0, (3, 4, 4, 1)).astype(np.float32)
    labels = np.array([0, 2, 1])
    exact = (weights[:, labels].T * images.reshape(3, 16)).reshape(images.shape)
    maps = make_explainer(name).explain(model, images, labels)
    if name == "lime":  # ridge regression shrinks a little, and samples
        np.testing.assert_allclose(maps, exact, atol=0.03 * np.abs(exact).max())
    else:
        np.testing.assert_allclose(maps, exact, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_colour_images(name):
    space = ChainSpace(stages=1, blocks=1, input_shape=(6, 5, 3), classes=4)
    model = build_model(space.network([2, 1, 0]), seed=0)
    images = np.random.default_rng(0).random((2, 6, 5, 3)).astype(np.float32)
    maps = fast(name).explain(model, images, np.array([3, 0]))
    assert maps.shape == images.shape and np.isfinite(maps).all() and np.abs(maps).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_bad_questions_are_refused(name, trained, digits):
    images, labels = digits[0][:2], digits[1][:2]
    explainer = fast(name)
    with pytest.raises(ValueError, match="give \\(b, height, width, channels\\)"):
        explainer.explain(trained, images[..., 0], labels)
    with pytest.raises(ValueError, match="one class index for each of 2 images"):
        explainer.explain(trained, images, labels[:1])
    with pytest.raises(ValueError, match="one class index for each of 2 images"):
        explainer.explain(trained, images, labels.astype(float))
    with pytest.raises(ValueError, match="class indices start at 0"):
        explainer.explain(trained, images, np.array([0, -1]))
    with pytest.raises(ValueError, match="label 10 is no class of a model with 10 logits"):
        explainer.explain(trained, images, np.array([0, 10]))


# -- the registry -----------------------------------------------------------------------------------------


def test_unknown_names_and_settings_list_the_known():
    with pytest.raises(ValueError, match=r"'deep_lift' is unknown: known are gradient_x_input, .*lime.*shap"):
        make_explainer("deep_lift")
    with pytest.raises(ValueError, match=r"'lime' has no setting 'samples'.*: it has grid, num_samples"):
        make_explainer("lime", samples=3)
    with pytest.raises(ValueError, match="steps=0"):
        make_explainer("integrated_gradients", steps=0)


@pytest.mark.parametrize("name", ["shap", "lime"])
def test_a_missing_package_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # Python's own way to say: not installed
    with pytest.raises(ModuleNotFoundError, match=rf"needs {name}: pip install 'pynascent\[explain\]'$"):
        make_explainer(name)


def test_importing_the_package_imports_no_framework():
    import subprocess

    script = (
        "import sys, pynascent.evaluation.explainers, pynascent.evaluation.metrics.isi, pynascent.evaluation.figures;"
        "print(sorted({'tensorflow', 'keras', 'shap', 'lime', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


# -- what each method promises ----------------------------------------------------------------------------


def test_integrated_gradients_close_the_gap_with_steps(trained, digits):
    images, labels = digits[0][:16], digits[1][:16]
    gaps = [
        np.abs(completeness_gap(trained, images, labels, explainer.explain(trained, images, labels))).mean()
        for explainer in (make_explainer("integrated_gradients", steps=steps) for steps in (2, 16, 256))
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 0.05
    with pytest.raises(CompletenessError, match="integrated_gradients: attributions of image"):
        make_explainer("integrated_gradients", steps=1, tolerance=1e-3).explain(trained, images, labels)
    make_explainer("integrated_gradients", steps=256, tolerance=0.1).explain(trained, images, labels)


def test_integrated_gradients_do_not_depend_on_the_batch_size(trained, digits):
    images, labels = digits[0][:5], digits[1][:5]
    maps = [
        make_explainer("integrated_gradients", steps=7, batch_size=size).explain(trained, images, labels)
        for size in (3, 12, 1024)
    ]
    np.testing.assert_allclose(maps[0], maps[2], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(maps[1], maps[2], rtol=1e-3, atol=1e-5)


def test_shap_of_two_pixels_is_the_exact_shapley_value():
    b = NetworkBuilder((1, 2, 1))
    hidden = b.activation(b.dense(b.reshape(b.input, (2,)), 8), "tanh")
    model = build_model(b.build(b.dense(hidden, 2)), seed=5)
    image = np.array([1.5, -2.0], np.float32).reshape(1, 1, 2, 1)

    def f(left: float, right: float) -> float:
        return float(model(np.array([left, right], np.float32).reshape(1, 1, 2, 1))[0, 1])

    exact = [
        (f(1.5, 0) - f(0, 0) + f(1.5, -2) - f(0, -2)) / 2,
        (f(0, -2) - f(0, 0) + f(1.5, -2) - f(1.5, 0)) / 2,
    ]
    maps = make_explainer("shap").explain(model, image, np.array([1]))
    np.testing.assert_allclose(maps.ravel(), exact, atol=1e-5)
    assert abs(exact[0] - f(1.5, 0) + f(0, 0)) > 0.01, "the pixels interact, so this is no linear case"


def test_incomplete_attributions_fail_loudly(trained, digits):
    images, labels = digits[0][:3], digits[1][:3]
    maps = make_explainer("shap", max_evals=50).explain(trained, images, labels)
    check_completeness("shap", trained, images, labels, maps, 0.0, 1e-3)
    for spoil in (1.5, np.nan):
        spoilt = maps.copy()
        spoilt[1] *= spoil
        with pytest.raises(CompletenessError, match=r"image 1 .*1 of 3 images"):
            check_completeness("shap", trained, images, labels, spoilt, 0.0, 1e-3)


def test_lime_is_limes_own_result(trained, digits, capsys):
    from lime.lime_image import LimeImageExplainer

    image = np.repeat(digits[0][7], 3, axis=2).astype(np.float64)
    arguments = {
        "classifier_fn": lambda images: trained(images[..., :1].astype(np.float32), training=False).numpy(),
        "labels": (7,),
        "hide_color": 0.0,
        "top_labels": None,
        "num_samples": 60,
        "segmentation_fn": lambda image: grid_segments(8, 8, 4, 4),
        "random_seed": 0,
    }
    ours = quiet_explainer(random_state=3).explain_instance(image, **arguments)
    assert capsys.readouterr().err == ""
    theirs = LimeImageExplainer(random_state=3).explain_instance(image, **arguments)
    a, b = dict(ours.local_exp[7]), dict(theirs.local_exp[7])
    assert sorted(a) == sorted(b) == list(range(16))
    np.testing.assert_allclose([a[k] for k in range(16)], [b[k] for k in range(16)], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"), [(8, 8, 8, 8), (8, 8, 4, 4), (7, 5, 3, 2), (3, 3, 8, 8)]
)
def test_grid_segments_tile_the_image(height, width, rows, columns):
    segments = grid_segments(height, width, rows, columns)
    count = min(rows, height) * min(columns, width)
    assert segments.shape == (height, width) and np.array_equal(np.unique(segments), np.arange(count))
    assert segments[0, 0] == 0 and segments[-1, -1] == count - 1
    assert (np.diff(segments, axis=0) >= 0).all() and (np.diff(segments, axis=1) >= 0).all()
