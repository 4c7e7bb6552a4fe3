"""Convoy's server: all that runs inside Ray Serve."""
