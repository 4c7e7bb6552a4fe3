"""A mesh of its own, which ends with the last of these tests."""
