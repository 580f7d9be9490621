"""What is answered to a request that is not taken."""


class Refused(Exception):
    """The request, or one record in it, is not taken. The reason is for the sender's eyes."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        """HTTP status, 4xx."""
        self.reason = reason
