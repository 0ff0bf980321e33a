"""Baselines to compare with: interpolation, and one coordinate network per image."""
