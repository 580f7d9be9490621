"""Speeds as ratios to a baseline measured in the same run, each with a correctness check."""
