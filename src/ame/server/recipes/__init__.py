"""What is made of the contributions to a round."""

from ame.server.recipes.recipe import Folding, Made, Recipe, Taken

__all__ = ["Folding", "Made", "Recipe", "Taken"]
