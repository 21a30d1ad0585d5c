"""Measurements: one script for each figure that the README quotes; `python -m bench` runs all."""
