"""Names, addresses and numbers of people as digests, and how they are found again in text. Pure.

Whoever is erased must be known again when older events are told again, and must not be kept for
it. So only keyed digests are kept: of a mail address, of the last nine digits of a number, of the
words of a name, of any other address. Text is searched by digesting its words, a few at a time.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

ERASED = "[erased]"
"""In the place of a name; pages say it in their reader's language."""
GONE = "[…]"
"""In the place of a part of a text, in whatever language that is."""

UNKEYED = "unkeyed"
_SPELLINGS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه"})
"""Letters that keyboards write in two ways."""
_WORD = re.compile(r"\w+")
_MAIL = re.compile(r"""[^\s<>()\[\]{},;:"'\\@]+@[^\s<>()\[\]{},;:"'\\@]+""")
_NUMBER = re.compile(r"[+(]{0,2}\d(?:[\s().\-/\u200c\u200e]{0,2}\d){6,}")
_TOKEN = re.compile(r"\S+")
_AROUND = ".,;:!?()<>[]{}\"'"
_WORDS = 6  # of a name at most
_GAP = 3  # characters between two words of a name at most
_DIGITS, _FEWEST = 9, 7
"""Of a number the last nine count, so that +98 912… and 0912… are one; no number has fewer
than seven."""

Span = tuple[int, int]


def plain(text: str) -> str:
    """As it is compared: no case, no accents, one spelling."""
    split = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in split if not unicodedata.combining(letter))
    return bare.translate(_SPELLINGS).casefold()


def numbered(text: str) -> str:
    """The digits of a text, in whatever script."""
    return "".join(str(unicodedata.digit(one)) for one in text if one.isdigit())


class Digests:
    """Makes digests with one key."""

    def __init__(self, key: str | None) -> None:
        self._key = hashlib.sha256((key or UNKEYED).encode()).digest()
        self.name = self._made("", "name of the key")[:8] if key else UNKEYED
        """Of the key: told beside digests, so that another key is noticed."""

    def of_mail(self, address: str) -> str:
        """Of a mail address."""
        return self._made("mail", plain(address.strip()))

    def of_number(self, number: str) -> str | None:
        """Of a telephone number; None: it has too few digits for one."""
        digits = numbered(number)
        return self._made("number", digits[-_DIGITS:]) if len(digits) >= _FEWEST else None

    def of_name(self, name: str) -> str | None:
        """Of a name; None: it has no word, or more than a name has."""
        words = _WORD.findall(plain(name))
        return self._made("name", " ".join(words)) if 0 < len(words) <= _WORDS else None

    def of_address(self, address: str) -> str:
        """Of a chat, a user, a URL."""
        return self._made("address", plain(address.strip(_AROUND)))

    def search(self, wanted: frozenset[str], least: int = 1) -> "Search":
        """Looks for whom these digests are of."""
        return Search(self, wanted, least)

    def _made(self, kind: str, text: str) -> str:
        made = hashlib.blake2b(f"{kind}\0{text}".encode(), digest_size=16, key=self._key)
        return made.hexdigest()


class Keys:
    """The keys of a company. The first one makes digests; those made with the others count."""

    def __init__(self, keys: Sequence[str]) -> None:
        made = [Digests(key) for key in keys] or [Digests(None)]
        self.first = made[0]
        self._by_name = {one.name: one for one in made}

    def named(self, name: str) -> Digests | None:
        """What digests were made with; None: a key that is not here."""
        return self._by_name.get(name)


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for somebody of whom only digests are known."""

    digests: Digests
    wanted: frozenset[str]
    least: int = 1
    """Words that a name must have to be found within a text: who has one name only, and is not
    looked for at one customer alone, would be found in texts about anything."""

    def also(self, more: Iterable[str | None]) -> "Search":
        """Looks for these digests, too."""
        return replace(self, wanted=self.wanted | {one for one in more if one})

    def named(self, name: str | None) -> bool:
        """Whether this is the name."""
        return bool(name) and self.digests.of_name(name or "") in self.wanted

    def reached(self, mail: str | None, number: str | None) -> bool:
        """Whether this is the mail address or the number."""
        return (bool(mail) and self.digests.of_mail(mail or "") in self.wanted) or (
            bool(number) and self.digests.of_number(number or "") in self.wanted
        )

    def holds(self, text: str) -> bool:
        """Whether a text has any of them."""
        return next(self._spans(text), None) is not None

    def scrubbed(self, text: str) -> str:
        """A text without them; the very same one where it has none."""
        kept, at = [], 0
        for begin, end in sorted(self._spans(text)):
            if begin >= at:
                kept += [text[at:begin], GONE]
            at = max(at, end)
        return "".join([*kept, text[at:]]) if kept else text

    def _spans(self, text: str) -> Iterator[Span]:
        yield from self._matching(text, _MAIL, self.digests.of_mail, ".")
        yield from self._matching(text, _TOKEN, self.digests.of_address, _AROUND)
        yield from self._numbers(text)
        yield from self._names(text)

    def _matching(
        self, text: str, shape: re.Pattern[str], digest: Callable[[str], str], around: str
    ) -> Iterator[Span]:
        for found in shape.finditer(text):
            if digest(found.group().strip(around)) in self.wanted:
                yield found.span()

    def _numbers(self, text: str) -> Iterator[Span]:
        """Runs of digits; two numbers beside each other look like one."""
        for found in _NUMBER.finditer(text):
            digits = numbered(found.group())
            windows = range(max(len(digits) - _DIGITS, 0) + 1)
            if any(self.digests.of_number(digits[n : n + _DIGITS]) in self.wanted for n in windows):
                yield found.span()

    def _names(self, text: str) -> Iterator[Span]:
        words = [(found.span(), plain(found.group())) for found in _WORD.finditer(text)]
        for first, ((begin, _), _) in enumerate(words):
            name: list[str] = []
            reach = begin
            for (start, end), word in words[first : first + _WORDS]:
                if name and start - reach > _GAP:
                    break
                name.append(word)
                reach = end
                digest = self.digests.of_name(" ".join(name))
                if len(name) >= self.least and digest in self.wanted:
                    yield begin, end
