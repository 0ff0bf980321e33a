"""Pictures and films made of functions."""
