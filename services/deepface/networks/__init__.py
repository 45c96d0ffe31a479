"""Runtimes for DeepFace's networks: ONNX Runtime on a CPU or GPU, or OpenVINO."""
