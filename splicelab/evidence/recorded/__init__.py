"""Recorded: what real kernels did under a tracer. Claims what they did with these messages, and how right the model."""
