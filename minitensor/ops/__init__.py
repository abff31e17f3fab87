"""Differentiable operations: arrays forward, Tensors backward."""
