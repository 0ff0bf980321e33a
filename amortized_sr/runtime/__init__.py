"""Upscaling with numpy alone, for pictures that take less time than torch takes to load. Loads no torch."""
