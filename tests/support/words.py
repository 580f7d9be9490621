"""The messages of the pages, and the Persian catalogs brought up to them: `make words`."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from services.reporting import titles

REPORTING = Path("services/reporting/pages")
PAGES = (
    Path("shared/pages"),
    Path("services/handoff/pages"),
    Path("services/reminders/pages"),
    REPORTING,
)
KEYWORDS = {"say": None, "label": None, "plain": None, "N_": None, "say_many": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
HEADER = """\
# The pages in Persian. `make words` brings it up to their messages.
msgid ""
msgstr ""
"Language: fa\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


def messages(pages: Path) -> Iterator[str | tuple[str, ...]]:
    """Every message of code and templates."""
    for _, _, message, _, _ in extract_from_dir(pages, METHODS, keywords=KEYWORDS):
        yield message
    if pages == REPORTING:
        yield from titles.words()


def catalog(pages: Path) -> Catalog:
    with _file(pages).open("rb") as file:
        return read_po(file, locale="fa")


def _file(pages: Path) -> Path:
    return pages / "locale" / "fa.po"


def bring_up(pages: Path) -> None:
    known, found = catalog(pages), Catalog(locale="fa")
    for message in messages(pages):
        one = message if isinstance(message, str) else message[0]
        said = known.get(one)
        found.add(message, said.string if said else "")
        if not (said and said.string):
            print(f"to be translated: {one}")
    text = BytesIO()
    write_po(text, found, sort_output=True, width=100, omit_header=True, no_location=True)
    _file(pages).write_bytes(HEADER.encode() + text.getvalue())


if __name__ == "__main__":
    for one in PAGES:
        bring_up(one)
