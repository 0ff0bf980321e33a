"""Many image files at once: which, where to, what is done already, and how far it is."""
