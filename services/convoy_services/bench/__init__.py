"""Loads a mesh and tells what it did: ``convoy bench``."""
