"""Training dual encoders on pair stores: batches under the curriculum, settings, presets, and the run itself."""
