"""A tiny LLaVA of the built-in scenes: its vision tower, its language model and its data, without a download."""
