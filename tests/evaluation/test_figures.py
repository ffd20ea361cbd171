"""Pictures of explanations show what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from pynascent.evaluation.figures import draw_explanations

image_module = pytest.importorskip("matplotlib.image")


def draw(path, b=2, channels=1, k=10, names=None, replaced=None):
    """Draw random images and maps, with some of the arguments replaced."""
    rng = np.random.default_rng(0)
    arguments = {
        "images": rng.random((b, 8, 8, channels)),
        "maps": rng.normal(size=(b, 8, 8, channels)),
        "predictions": rng.dirichlet(np.ones(k), size=b),
        "labels": rng.integers(0, k, b),
        "class_names": names or [str(c) for c in range(k)],
        "method": "shap",
        "title": "Best network",
    }
    draw_explanations(path, **{**arguments, **(replaced or {})})
    return image_module.imread(path)


def test_rows_red_and_blue(tmp_path):
    maps = np.zeros((2, 8, 8, 1))
    maps[0, :, :4], maps[0, :, 4:] = 1.0, -1.0
    picture = draw(tmp_path / "a.png", replaced={"maps": maps, "predictions": np.full((2, 10), 0.1)})[..., :3]
    red, blue = ((picture[..., 0] - picture[..., 2]) > 0.2), ((picture[..., 2] - picture[..., 0]) > 0.2)
    top, bottom = slice(0, len(picture) // 2), slice(len(picture) // 2, None)
    third = picture.shape[1] // 4
    middle = slice(third, 2 * third)
    assert red[top, middle].sum() > 5 * red[bottom, middle].sum() and blue[top].sum() > 2000
    assert len(draw(tmp_path / "b.png", b=4)) > 1.7 * len(picture)


def test_colour_long_names_many_classes_and_dead_maps(tmp_path):
    names = [f"class number {c}" for c in range(100)]
    picture = draw(tmp_path / "c.png", channels=3, k=100, names=names, replaced={"maps": np.zeros((2, 8, 8, 3))})
    assert picture.shape[1] > 800 and picture[..., :3].std() > 0.05


def test_arrays_that_do_not_belong_together_are_refused(tmp_path):
    wrong = {"maps": np.zeros((2, 8, 8, 3)), "class_names": ["a"], "labels": np.zeros(3, int)}
    for name in wrong:
        with pytest.raises(ValueError, match="class names: give"):
            draw(tmp_path / "d.png", replaced={name: wrong[name]})
    assert not (tmp_path / "d.png").exists()
