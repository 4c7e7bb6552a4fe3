"""How property tests run: enough examples to find a bug, few enough to run all the time."""

from hypothesis import settings

# No deadline: on a machine that others use too, an example takes what it takes.
settings.register_profile("unit", max_examples=40, deadline=None)
settings.load_profile("unit")
