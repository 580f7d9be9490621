"""How properties are tried: the same examples at the gate, new ones by `make search`.

A gate that tries other examples on every run refuses changes for what they did not touch. What
the search finds belongs into an `@example` beside its mending.
"""

from hypothesis import settings

settings.register_profile("gate", derandomize=True)
settings.register_profile("search", derandomize=False, print_blob=True)
settings.load_profile("gate")
