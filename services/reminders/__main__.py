"""Run the reminders service."""

from services.reminders.app import build
from services.reminders.config import Settings
from shared.runtime import main

if __name__ == "__main__":
    main("reminders", Settings, build)
