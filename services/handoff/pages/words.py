"""What the rules call things, and what they say in English, in words for a reader.

Some sentences of the rules are stored with the states: why a handoff went where it went, why a
tier. A step that a company named itself stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from markupsafe import Markup

from services.handoff.candidates import Tier
from services.handoff.obligations import Kind
from services.handoff.states import Status
from services.handoff.verdicts import Reason
from shared.pages import moments
from shared.pages.catalog import N_
from shared.pages.writing import Writer, isolated

STATUS: Mapping[Status, str] = MappingProxyType({
    Status.UNASSIGNED: N_("Waits for a manager"),
    Status.ASSIGNED: N_("To be accepted"),
    Status.INFO_REQUESTED: N_("Questions asked"),
    Status.RETURNED: N_("Returned"),
    Status.ACCEPTED: N_("Accepted"),
    Status.COMPLETED: N_("Completed"),
    Status.CANCELLED: N_("Cancelled"),
})  # fmt: skip

KIND: Mapping[str, str] = MappingProxyType({
    "new": N_("New customer"),
    "expansion": N_("Further deal of a customer"),
    "transfer": N_("From manager to manager"),
})  # fmt: skip

TIER: Mapping[Tier, str] = MappingProxyType({
    Tier.REGIONAL: N_("Regional"),
    Tier.NATIONAL: N_("National"),
    Tier.GLOBAL: N_("Global"),
})  # fmt: skip

PART: Mapping[str, str] = MappingProxyType({
    "amount": N_("the amount"),
    "products": N_("the products"),
    "package.contacts": N_("contacts"),
    "package.needs": N_("needs"),
    "package.promises": N_("promises"),
    "package.relationship": N_("the relationship"),
})  # fmt: skip
"""Parts of a deal that count for completeness."""

VERDICT: Mapping[Reason, str] = MappingProxyType({
    Reason.CHOSEN: N_("Chosen: the best of those who can take the account"),
    Reason.MORE_LOADED: N_("More loaded, relative to capacity, than the one chosen"),
    Reason.MORE_RECENT: N_("As loaded, and was given an account more recently"),
    Reason.LATER_ID: N_("Equal in everything; the ids decide"),
    Reason.LESS_SPECIFIC: N_("A less specific territory than the one chosen"),
    Reason.MORE_SENIOR: N_("More senior than the account needs"),
    Reason.FULL: N_("No capacity left for the weight of the account"),
    Reason.ABSENT: N_("Absent"),
    Reason.LANGUAGE: N_("Does not speak the customer's language"),
    Reason.INDUSTRY: N_("Does not serve the customer's industry"),
    Reason.TIER: N_("Does not serve accounts of this tier"),
    Reason.TERRITORY: N_("Another territory"),
    Reason.INACTIVE: N_("No account manager now"),
})  # fmt: skip
"""In the order of how close they came."""

ACT: Mapping[str, str] = MappingProxyType({
    "accept": N_("Accepted by %(who)s"),
    "ask": N_("%(who)s asked"),
    "return": N_("Returned by %(who)s"),
    "resubmit": N_("%(who)s answered"),
    "package": N_("%(who)s added to the package"),
    "step": N_("%(who)s did: %(about)s"),
    "move": N_("%(who)s set another date: %(about)s"),
    "reassign": N_("%(who)s gave the account to another manager"),
})  # fmt: skip
"""What people do with a handoff."""

DONE: Mapping[str, str] = MappingProxyType({
    "accept": N_("You have accepted the handoff. The steps of the checklist are yours now."),
    "ask": N_("Your questions are on their way. Your clock stands still until they are answered."),
    "return": N_("The handoff is returned. The salesperson is to mend it."),
    "resubmit": N_("Sent. The account manager looks at it again."),
    "package": N_("Added to the package."),
    "step": N_("The step is done."),
    "move": N_("The step is due then. What is counted from it has moved along."),
    "reassign": N_("The account is handed over. Both managers see why."),
})  # fmt: skip
"""What is said when it is done."""

OWED: Mapping[Kind, str] = MappingProxyType({
    Kind.CONTACT: N_("Keeping in touch"),
    Kind.ANSWER: N_("Dispute"),
    Kind.UPDATE: N_("Dispute"),
    Kind.RESOLVE: N_("Dispute"),
    Kind.FOLLOW_UP: N_("Follow-up"),
})  # fmt: skip

SEVERITY: Mapping[str, str] = MappingProxyType({
    "low": N_("low"),
    "normal": N_("normal"),
    "high": N_("high"),
    "critical": N_("critical"),
})  # fmt: skip

NEED: Mapping[str, str] = MappingProxyType({
    "tier": N_("Tier"),
    "city": N_("City"),
    "region": N_("Region"),
    "country": N_("Country"),
    "language": N_("Language"),
    "industry": N_("Industry"),
})  # fmt: skip

SENTENCES: Sequence[str] = (
    *moments.SENTENCES,
    # steps and what is owed
    N_("Accept the handoff"),
    N_("Answer the account manager's questions"),
    N_("Mend the returned handoff"),
    N_("Find an account manager"),
    N_("Welcome call"),
    N_("Kick-off meeting"),
    N_("First review with the customer"),
    N_("Get in touch with the customer"),
    N_("First answer to the dispute: %(title)s"),
    N_("First answer to the dispute"),
    N_("Tell the customer how the dispute stands: %(title)s"),
    N_("Tell the customer how the dispute stands"),
    N_("Settle the dispute: %(title)s"),
    N_("Settle the dispute"),
    N_("Follow up: %(title)s"),
    N_("Follow up"),
    # why a handoff went where it went
    N_("manages the account"),
    N_("the only account manager"),
    N_("the only one who can take the account"),
    N_("the least senior who serves the tier"),
    N_("the most specific territory"),
    N_("least loaded of those who can take the account"),
    N_("as loaded as others, and waits longest"),
    N_("equal to others; the ids decide"),
    N_("was given the account while this one waited"),
    N_("reassigned by %(who)s: %(why)s"),
    N_("the directory has no account manager"),
    N_("nobody can take the account: %(why)s"),
    # why an account has its tier
    N_("below every threshold"),
    N_("a key account"),
    N_("won value of %(amount)s"),
    N_("%(count)s countries"),
    # refusals
    N_("the handoff cannot be accepted: %(why)s"),
    N_("the handoff cannot be asked about: %(why)s"),
    N_("the handoff cannot be returned: %(why)s"),
    N_("the handoff cannot be resubmitted: %(why)s"),
    N_("the handoff cannot be added to: %(why)s"),
    N_("the handoff can only be accepted by %(who)s"),
    N_("the handoff can only be asked about by %(who)s"),
    N_("the handoff can only be returned by %(who)s"),
    N_("the handoff can only be resubmitted by %(who)s"),
    N_("the handoff can only be added to by %(who)s"),
    N_("nobody manages the account yet"),
    N_("it waits for the account manager to accept it"),
    N_("it waits for the salesperson's answer"),
    N_("it was returned to the salesperson"),
    N_("it was accepted already"),
    N_("it is completed"),
    N_("it was cancelled"),
    N_("ask at least one question"),
    N_("a transfer between managers cannot be returned: ask the head to move it"),
    N_("say at least one reason, so that the salesperson knows what to mend"),
    N_("answer, or add to the package: nothing was said"),
    N_("the package says all that already"),
    N_("the step '%(step)s' is done already"),
    N_("the handoff has no open step '%(step)s'"),
    N_("the step '%(step)s' cannot be done before %(steps)s"),
    N_("the handoff's steps are not to be done: %(why)s"),
    N_("a step can only be moved by %(who)s or the head"),
    N_("the step '%(step)s' is due then already"),
    N_("an account can only be given to another manager by a head"),
    N_("say why, in 200 signs at most: whoever looks for a reason finds it here"),
    N_("%(who)s manages the account already"),
    N_("nothing of the account waits for a manager"),
    N_("%(who)s cannot take the account: %(why)s"),
    N_("is no account manager now"),
    N_("does not serve accounts of this tier"),
    N_("has another territory"),
    N_("does not speak the customer's language"),
    N_("does not serve the customer's industry"),
    N_("is absent"),
    N_("has no capacity left for the weight of the account"),
)  # fmt: skip


def listed(parts: Sequence[Markup], writer: Writer) -> Markup:
    """One, another and a third."""
    if len(parts) < 2:
        return Markup().join(parts)
    *first, last = parts
    comma = writer.say(", ")
    return writer.say("%(one)s and %(other)s", one=comma.join(first), other=last)


def parts(names: Sequence[str], writer: Writer) -> Iterator[Markup]:
    """Parts of a deal, by their names in the rules."""
    for name in names:
        yield writer.say(PART[name]) if name in PART else isolated(name)
