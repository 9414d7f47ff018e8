"""A tiny LLaVA of the built-in scenes: its parts and its data, without a download."""
