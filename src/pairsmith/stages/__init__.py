"""Stages that run a model over the rows of a pair store: each takes stores in and gives a store back, resumably."""
