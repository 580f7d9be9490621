"""Reads the bodies of webhooks: JSON strictly, SOAP without entities. Numbers stay exact."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.handoff.intake.refusal import Refused

DEEPEST = 64
"""Levels of nesting. CRMs use six."""

JSON = ("application/json",)
SOAP = ("text/xml", "application/soap+xml", "application/xml")

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def read_json(body: bytes) -> Any:
    """JSON as RFC 8259 has it: no NaN, no name twice. Fractions are Decimals."""
    try:
        # Some senders on Windows put a byte order mark before their JSON.
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(400, "the body is not UTF-8") from None
    if not text.strip():
        raise Refused(400, "the body is empty")
    try:
        content = json.loads(
            text, object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_number
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"the body is not JSON: {error.msg}, {place}") from None
    except ValueError:
        raise Refused(400, "a number in the body has too many digits") from None
    _check_depth(content)
    return content


def read_soap(body: bytes) -> Any:
    """The notifications of a Salesforce outbound message, as a mapping of names without prefixes.

    An element with children is a mapping; one that comes several times is a list.
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise Refused(400, "the body has a document type or entities; neither is read") from None
    except (ParseError, ValueError, LookupError) as error:
        raise Refused(400, f"the body is not XML: {str(error)[:100]}") from None
    content: Any = _children(root, 0) if _name(root) == "Envelope" else None
    for name in ("Body", "notifications"):
        content = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or "Notification" not in content:
        raise Refused(
            400,
            "the body is no outbound message: Envelope, Body, notifications and Notification are "
            "expected",
        )
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise Refused(400, "the body is not plain JSON: a name stands twice in one object")
    return content


def _no_number(name: str) -> Any:
    raise Refused(400, f"the body is not JSON: {name} is no JSON number")


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Refused:
    return Refused(400, f"the body is nested deeper than {DEEPEST} levels")


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: Element, depth: int) -> Any:
    if depth > DEEPEST:
        raise _too_deep()
    if element.get(_NIL) == "true":
        return None
    if not len(element):
        return element.text
    content: dict[str, Any] = {}
    for child in element:
        name, value = _name(child), _children(child, depth + 1)
        if name not in content:
            content[name] = value
        elif isinstance(content[name], list):
            content[name].append(value)
        else:
            content[name] = [content[name], value]
    return content
