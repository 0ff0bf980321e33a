"""The page that draws in a browser: its parts, and the two forms in which it is written."""
