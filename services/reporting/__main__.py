"""Run the reporting service."""

from services.reporting.app import build
from services.reporting.config import Settings
from shared.runtime import main

if __name__ == "__main__":
    main("reporting", Settings, build)
