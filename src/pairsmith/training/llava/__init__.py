"""Training of LLaVA-style models: settings, presets, batches and the run itself."""
