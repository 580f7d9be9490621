"""Signs what others keep for us and bring back, such as cookies and links: HMAC-SHA256.

Keys overlap: the first one signs, what was signed with the others still counts.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated

from itsdangerous import URLSafeSerializer
from pydantic import AfterValidator, SecretStr


def _long(value: SecretStr) -> SecretStr:
    keys = split(value)
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError("must be keys of 32 characters or more, separated by spaces")
    return value


Keys = Annotated[SecretStr, AfterValidator(_long)]
"""A setting: one key or several, separated by spaces."""


def split(keys: SecretStr) -> tuple[str, ...]:
    """The keys, the one that signs first."""
    return tuple(keys.get_secret_value().split())


def serializer(keys: Sequence[str], salt: str) -> URLSafeSerializer:
    """Signs for one purpose, which `salt` names: what is signed for another does not count.

    `loads` raises `itsdangerous.BadData` when nothing here has signed it.
    """
    return URLSafeSerializer(
        list(reversed(keys)),  # it signs with the last one
        salt=salt,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
