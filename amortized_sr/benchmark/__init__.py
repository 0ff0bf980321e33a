"""Benchmarks: methods by name, one protocol, comparisons of a few images and reports over many."""
