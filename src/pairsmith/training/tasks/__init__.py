"""What each model adds to the training loop: its loss on a batch, and how a batch is prepared."""
