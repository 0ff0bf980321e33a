"""Other ways from an image to a function, to compare with."""
