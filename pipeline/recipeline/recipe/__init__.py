"""From the text of a recipe to a checked `Recipe`, and from mistakes in it to words."""
