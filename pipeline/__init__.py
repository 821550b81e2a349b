"""Quicksand: measures and mends the physics of video models. `python -m pipeline --help` says how."""
