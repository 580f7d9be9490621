"""Mail: text and HTML, one thread a deadline, many over one connection."""

from collections.abc import Sequence
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib
import structlog

from services.reminders.delivery.writing import Letter, Writer, family, one_line
from services.reminders.sending import Delivered, Later, Outcome, Refused
from shared import smtp
from shared.contracts.ids import derived

log = structlog.get_logger(__name__)


class Mail:
    """The channel `email`."""

    together = 50
    side_by_side = 2

    def __init__(
        self, settings: smtp.SmtpSettings, writer: Writer, unsubscribe: str | None
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._unsubscribe = unsubscribe

    def endpoint(self, _letter: Letter) -> str:
        """One mail server for all."""
        return "email"

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send all over one connection."""
        outcomes: list[Outcome] = []
        try:
            async with smtp.connected(self._settings) as connection:
                for letter in letters:
                    outcomes.append(await self._send(connection, letter))  # noqa: PERF401 - kept if it breaks
        except smtp.REFUSALS as error:
            # What was taken before the connection broke stays taken.
            log.warning("mail.waiting", reason=type(error).__name__)
            lost = Later(f"the mail server does not take mail ({type(error).__name__})")
            outcomes += [lost] * (len(letters) - len(outcomes))
        return outcomes

    async def close(self) -> None:
        """Nothing is kept open."""

    def compose(self, letter: Letter) -> EmailMessage:
        """Write the mail of a message. The same message is the same mail, whenever it is sent."""
        reminder, recipient = letter.item.reminder, letter.recipient
        text = self._writer.write(letter, "mail.txt")
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.mail_from
        mail["To"] = Address(display_name=one_line(recipient.name), addr_spec=letter.address)
        mail["Subject"] = one_line(text.subject)
        mail["Date"] = format_datetime(letter.now.astimezone(UTC))
        mail["Message-ID"] = f"<{reminder.id}@tahvil>"
        if reminder.deadline_id:
            # No mail has this id: it is the root all mails about one deadline hang from.
            thread = f"<{derived('thread', reminder.deadline_id)}@tahvil>"
            mail["In-Reply-To"] = thread
            mail["References"] = thread
        if self._unsubscribe and family(reminder) in ("digest", "notification"):
            # Of deadlines nobody can unsubscribe: they are the work itself.
            mail["List-Unsubscribe"] = f"<mailto:{self._unsubscribe}?subject=unsubscribe>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text.text, cte="quoted-printable")
        mail.add_alternative(
            self._writer.write(letter, "mail.html").text, subtype="html", cte="quoted-printable"
        )
        mail["Content-Language"] = recipient.language  # last: new content takes such headers away
        return mail

    async def _send(self, connection: aiosmtplib.SMTP, letter: Letter) -> Outcome:
        try:
            await connection.send_message(self.compose(letter))
        except aiosmtplib.SMTPServerDisconnected:
            raise  # the rest cannot be sent over it either
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = max((refused.code for refused in error.recipients), default=0)
            if code >= 500:
                return Refused(f"the mail server refuses the address ({code})")
            return Later(f"the mail server does not take it now ({code})", endpoint=False)
        except aiosmtplib.SMTPDataError as error:
            if error.code >= 500:
                return Refused(f"the mail server refuses the mail ({error.code})")
            return Later(f"the mail server does not take it now ({error.code})", endpoint=False)
        except aiosmtplib.SMTPResponseException as error:
            return Later(f"the mail server does not take it now ({error.code})")
        return Delivered()
