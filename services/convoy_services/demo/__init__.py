"""The main job on real input: semantic search over the docstrings of the standard library."""
