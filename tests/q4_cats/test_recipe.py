"""Sizes and rates of a training."""

import pytest

from hwlib.q4_cats import cnn
from hwlib.q4_cats.recipe import RECIPES, Recipe


def test_schedule_rises_along_a_line_and_ends_at_nothing():
    recipe = Recipe(epochs=10)
    assert recipe.schedule(0) == 0 and recipe.schedule(0.05) == pytest.approx(0.5)
    assert recipe.schedule(0.1) == 1 and recipe.schedule(0.55) == pytest.approx(0.5)
    assert recipe.schedule(1) == pytest.approx(0)


def test_every_size_has_a_recipe_and_only_the_large_one_pastes_boxes():
    recipes = {size: make(epochs=9) for size, make in RECIPES.items()}
    assert recipes.keys() == cnn.WIDTHS.keys()
    assert [size for size, recipe in recipes.items() if recipe.cutmix_share] == ["large"]
    assert recipes["large"] == Recipe(epochs=9)


def test_pictures_grow_during_the_training():
    recipe = Recipe(epochs=10, sizes=((96, 0.6), (128, 1.0)))
    assert [recipe.size(epoch) for epoch in range(10)] == [96] * 6 + [128] * 4
    assert recipe.growth() == [6]
