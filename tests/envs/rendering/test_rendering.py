"""Drawings show what there is: every layer, every connection, every open choice."""

import gymnasium
import numpy as np
import pytest

from pynascent.envs import Objective, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.rendering.drawing import outline, render_ansi, render_rgb
from pynascent.envs.rendering.pixel_font import HEIGHT, WIDTH, text_mask

from support.cost_evaluator import CostEvaluator
from support.space_variants import VARIANTS

SKIP, PAPER = (200, 90, 40), (250, 250, 248)


def has(image, colour):
    return bool((image == np.array(colour, dtype=np.uint8)).all(axis=2).any())


@pytest.mark.parametrize("name", VARIANTS)
def test_every_space_is_drawn_open_half_open_and_complete(name):
    space = VARIANTS[name]
    row = space.sample(np.random.default_rng(0), 1)[0]
    drawn = []
    for decided in (0, space.n // 2, space.n):
        partial = np.where(np.arange(space.n) < decided, row, -1)
        image, text = render_rgb(space, partial), render_ansi(space, partial)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert has(image, PAPER) and len(np.unique(image.reshape(-1, 3), axis=0)) > 2
        assert text.endswith("\n")
        open_choices = [line for line in text.splitlines() if line.endswith(" = ?")]
        assert len(open_choices) == (space.n - decided if decided < space.n else 0)
        drawn.append(text)
    assert len(set(drawn)) == (3 if space.n > 1 else 2)
    assert drawn[2].splitlines()[0] == space.to_string(row)
    for choice, option in list(zip(space.choices, row, strict=True))[: space.n // 2]:
        assert f"{choice.name} = {choice.options[option]}" in drawn[1]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_outline_is_the_network(name):
    """Every labelled layer is there, in order, and comes from labelled layers before it."""
    space = VARIANTS[name]
    for row in space.sample(np.random.default_rng(1), 3):
        network = space.network(row)
        entries = outline(network)
        labelled = [layer for layer in network.layers if layer.label]
        assert [op for op, _, _ in entries] == [layer.op for layer in labelled]
        for i, (_, label, sources) in enumerate(entries):
            assert label.startswith(labelled[i].label) and "x".join(map(str, labelled[i].shape)) in label
            assert all(0 <= source < i for source in sources) and len(set(sources)) == len(sources)
        assert sum(not sources for _, _, sources in entries) == 1  # the input alone comes from nothing
        text = render_ansi(space, row)
        assert text.count("\n") == 1 + len(entries)
        skips = sum(any(s != i - 1 for s in sources) for i, (_, _, sources) in enumerate(entries))
        assert text.count("<-") == skips
        assert has(render_rgb(space, row), SKIP) == bool(skips)


def test_two_architectures_look_different_and_one_looks_the_same_twice():
    space = VARIANTS["nasbench201"]
    one, other = (
        space.parse("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"),
        np.zeros(6, int),
    )
    assert np.array_equal(render_rgb(space, one), render_rgb(space, one))
    images = render_rgb(space, one), render_rgb(space, other)
    assert images[0].shape != images[1].shape or not np.array_equal(*images)


def test_letters_are_drawn_as_they_look():
    art = ["".join(".#"[int(ink)] for ink in line) for line in text_mask("L1")]
    assert text_mask("L1").shape == (HEIGHT, 2 * WIDTH)
    # The font has small letters only: an l with its foot, and a 1 with its flag.
    assert art == [
        ".##.....#...",
        "..#....##...",
        "..#.....#...",
        "..#.....#...",
        "..#.....#...",
        "..#.....#...",
        ".###...###..",
        "............",
    ]


def test_letters_differ_and_unknown_ones_are_question_marks():
    characters = " ()+,-./=?_|:%*0123456789abcdefghijklmnopqrstuvwxyz"
    drawn = {text_mask(character).tobytes() for character in characters}
    assert len(drawn) == len(characters)
    assert np.array_equal(text_mask("é"), text_mask("?")) and np.array_equal(text_mask("A"), text_mask("a"))


def make(cls, *args, **options):
    return cls(*args, SearchTask(CostEvaluator(), Objective({"accuracy": 1.0})), "build", **options)


def test_environments_draw_the_present_architecture():
    text, picture = make(SearchEnv, render_mode="ansi"), make(SearchEnv, render_mode="rgb_array")
    text.reset(seed=0), picture.reset(seed=0)
    frames = [picture.render()]
    for _ in range(text.task.space.n):
        assert text.render() == render_ansi(text.task.space, text.architecture)
        text.step(0), picture.step(0)
        frames.append(picture.render())
        plain = render_rgb(picture.task.space, picture.architecture)
        assert frames[-1].shape == frames[0].shape  # padded at the right and below
        assert np.array_equal(frames[-1][: plain.shape[0], : plain.shape[1]], plain)
    assert text.render().splitlines()[0] == text.task.space.to_string(np.zeros(text.task.space.n, dtype=int))
    assert len({frame.tobytes() for frame in frames}) == len(frames)
    lanes = make(SearchVectorEnv, 2, render_mode="ansi")
    lanes.reset(seed=0)
    lanes.step(np.array([0, 1]))
    assert lanes.render() == tuple(render_ansi(lanes.task.space, row) for row in lanes.architectures)
    assert lanes.render()[0] != lanes.render()[1]


def test_without_a_render_mode_nothing_is_drawn(recwarn):
    env = make(SearchEnv)
    env.reset(seed=0)
    gymnasium.logger.min_level = 30
    assert env.render() is None
    assert any("render_mode" in str(warning.message) for warning in recwarn)
    with pytest.raises(ValueError, match="render_mode='human'"):
        make(SearchEnv, render_mode="human")
