"""LLaVA from the classes of `transformers`: vision tower, projector and any causal language model."""
