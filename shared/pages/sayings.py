"""What the rules say in English, said anew in a reader's language.

The rules answer in English sentences. They are recognised here by their form; what is not
recognised stays as it is.
"""

import re
from collections.abc import Collection, Mapping

from markupsafe import Markup

from shared.pages.writing import Writer, isolated

_HOLES = re.compile(r"%\\\((\w+)\\\)s|%\((\w+)\)s")


def _form(sentence: str) -> re.Pattern[str]:
    return re.compile(_HOLES.sub(r"(?P<\1\2>.+)", re.escape(sentence)), re.DOTALL)


class Sayings:
    """Says in a reader's language what the rules have said in English."""

    def __init__(self, sentences: Collection[str]) -> None:
        """`sentences`: what the rules say, by form. `why` is a sentence, `who` and `owner` ids."""
        self._fixed = {one for one in sentences if "%(" not in one}
        self._forms = [(one, _form(one)) for one in sentences if "%(" in one]

    def said(self, text: str, writer: Writer, names: Mapping[str, str]) -> Markup:
        """The sentence; `names`: of people, by id."""
        if text in self._fixed:
            return writer.say(text)
        for sentence, form in self._forms:
            if found := form.fullmatch(text):
                parts = found.groupdict()
                if why := parts.pop("why", None):
                    return writer.say(sentence, **parts, why=self.said(why, writer, names))
                for whose in parts.keys() & {"who", "owner"}:
                    parts[whose] = names.get(parts[whose], parts[whose])
                if number := parts.pop("number", None):
                    return writer.say(sentence, **parts, number=int(number))
                return writer.say(sentence, **parts)
        return isolated(text)
