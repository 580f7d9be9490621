"""Settings of the reporting service."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.config import ServiceSettings


class Settings(ServiceSettings):
    """Besides what every service has."""

    time_zone: Annotated[
        ZoneInfo, Field(description="where the company is: a deal's month is the month there")
    ] = ZoneInfo("UTC")
