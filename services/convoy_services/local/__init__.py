"""A mesh on this machine: a Ray head of its own, with its own ports, folder and life."""
