"""What pairs are worth and which to keep: scores beside the pairs, selections of them, and reports on both."""
