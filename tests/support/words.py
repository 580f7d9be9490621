"""The messages of the pages, and the Persian catalog brought up to them: `make words`."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

PAGES = Path("services/handoff/pages")
CATALOG = PAGES / "locale" / "fa.po"
KEYWORDS = {"say": None, "label": None, "N_": None, "say_many": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
HEADER = """\
# The pages of handoff in Persian. `make words` brings it up to the messages of the pages.
msgid ""
msgstr ""
"Language: fa\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


def messages() -> Iterator[str | tuple[str, ...]]:
    """Every message of code and templates."""
    for _, _, message, _, _ in extract_from_dir(PAGES, METHODS, keywords=KEYWORDS):
        yield message


def catalog() -> Catalog:
    with CATALOG.open("rb") as file:
        return read_po(file, locale="fa")


def main() -> None:
    known, found = catalog(), Catalog(locale="fa")
    for message in messages():
        one = message if isinstance(message, str) else message[0]
        said = known.get(one)
        found.add(message, said.string if said else "")
        if not (said and said.string):
            print(f"to be translated: {one}")
    text = BytesIO()
    write_po(text, found, sort_output=True, width=100, omit_header=True, no_location=True)
    CATALOG.write_bytes(HEADER.encode() + text.getvalue())


if __name__ == "__main__":
    main()
