"""Run the handoff service."""

from services.handoff.app import build
from services.handoff.config import Settings
from shared.runtime import main

if __name__ == "__main__":
    main("handoff", Settings, build)
