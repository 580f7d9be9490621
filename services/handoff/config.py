"""Settings of the handoff service: those that every service has."""

from shared.config import ServiceSettings


class Settings(ServiceSettings):
    """Nothing of its own yet: the rules are in the domain, the people in the directory."""
