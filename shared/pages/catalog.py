"""The pages' messages in each language. English is in the code; Persian in `locale/fa.po`.

There is one catalog of what all pages say, here, and one in each service that has pages.

Compiled in memory at start, so that there is no build step and nothing compiled to go stale.
"""

import gettext
from collections.abc import Mapping
from importlib import resources
from io import BytesIO
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["en", "fa"]

LANGUAGES: Mapping[Language, str] = {"en": "English", "fa": "فارسی"}
"""Each by its own name, for who does not read the others."""


def load(package: str) -> Mapping[Language, gettext.NullTranslations]:
    """The translations of every language, for the pages in a package."""
    persian = _compiled(package)
    persian.add_fallback(_compiled("shared.pages"))
    return {"en": gettext.NullTranslations(), "fa": persian}


def _compiled(package: str) -> gettext.GNUTranslations:
    source = resources.files(package) / "locale" / "fa.po"
    with source.open("rb") as file:
        catalog = read_po(file, locale="fa")
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a message for translation where it is not yet known who reads it."""
    return message
