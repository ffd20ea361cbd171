"""Which test examples `explain` draws, and of what."""

from types import SimpleNamespace

import numpy as np
import pytest

from pynascent.evaluation.figures import draw_explanations
from pynascent.scripts.search.examples import choose_examples, examples_of, probabilities_of

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(17), 5))


def test_all_classes_are_drawn_from():
    chosen = LABELS[choose_examples(LABELS, 8)]
    assert len(set(chosen.tolist())) == 8 and {0, 16} <= set(chosen.tolist())  # not classes 0 to 7 alone
    assert sorted(LABELS[choose_examples(LABELS, 17)].tolist()) == list(range(17))
    twice = choose_examples(LABELS, 34)
    assert sorted(LABELS[twice].tolist()) == sorted([*range(17), *range(17)]) and len(set(twice.tolist())) == 34


def test_classes_of_ones_choice():
    chosen = choose_examples(LABELS, 5, [16, 3])
    assert LABELS[chosen].tolist() == [3, 16, 3, 16, 3]
    assert len(choose_examples(LABELS, 32, [2])) == 5  # all there are
    with pytest.raises(ValueError, match=r"--classes 17: the test split has the classes 0-16"):
        choose_examples(LABELS, 5, [17])


def test_examples_of_several_labels_and_evaluators_without_data():
    labels = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype=np.float32)
    data = SimpleNamespace(test=SimpleNamespace(inputs=np.eye(3), labels=labels), class_names=["a", "b", "c"])
    inputs, classes, names = examples_of(SimpleNamespace(evaluator=SimpleNamespace(dataset=data)))
    assert classes.tolist() == [1, 0] and inputs.shape == (2, 3) and names == ["a", "b", "c"]
    with pytest.raises(ValueError, match="no test examples"):
        examples_of(SimpleNamespace(evaluator=SimpleNamespace()))
    logits = np.array([[0.0, 1000.0, -1000.0]])
    assert probabilities_of(logits).tolist() == [[0.0, 1.0, 0.0]]
    assert np.allclose(probabilities_of(logits, multi_label=True), [[0.5, 1.0, 0.0]])


@pytest.mark.parametrize("features", (3, 100))
def test_rows_of_features_are_drawn_as_bars(features, tmp_path):
    from matplotlib.image import imread

    rng = np.random.default_rng(0)
    maps = np.zeros((2, features))
    maps[0, 1], maps[1, 2] = 1.0, -1.0
    draw_explanations(
        tmp_path / "a.png", rng.random((2, features)), maps, np.full((2, 3), 1 / 3), [0, 1], ["a", "b", "c"], "m", "t"
    )
    picture = imread(tmp_path / "a.png")[..., :3]
    red, blue = picture[..., 0] - picture[..., 2] > 0.2, picture[..., 2] - picture[..., 0] > 0.2
    half = len(picture) // 2
    middle = slice(picture.shape[1] // 4, 2 * picture.shape[1] // 3)
    assert red[:half, middle].sum() > 100 and blue[half:, middle].sum() > 100 and not blue[:half, middle].any()
