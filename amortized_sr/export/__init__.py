"""Trained models as ONNX graphs, for programs without torch."""
