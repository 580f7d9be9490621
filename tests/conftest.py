"""How properties are tried: the same examples at the gate, new ones by `make search`.

A gate that tries other examples on every run refuses changes for what they did not touch. What
the search finds belongs into an `@example` beside its mending.

An example has no deadline: on a busy machine any of them can take long.
"""

from hypothesis import settings

settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("gate")
