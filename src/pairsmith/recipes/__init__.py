"""Whole experiments: each recipe reads as its paper's method section and joins the rooms."""
