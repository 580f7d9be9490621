"""The figures in words, for docs/reporting.md. Run to write them into it anew."""

import sys
from pathlib import Path

from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def described() -> str:
    """All figures, in Markdown."""
    return "\n".join(_described(figure) for figure in FIGURES.values())


def inserted(page: str) -> str:
    """A page with the figures between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{described()}{END}{after}"


def _described(figure: Figure) -> str:
    cubes = [" + ".join(f"`{name}`" for name in cube) for cube in figure.cubes if cube]
    always = ", ".join(f"`{name}`" for name in figure.always)
    by = "; or ".join(cubes)
    return "\n".join(
        [
            f"### {figure.name}",
            figure.words,
            "",
            f"* counts on: {figure.day}" + (" (a balance)" if figure.balance else ""),
            *([f"* always by: {always}"] if always else []),
            *([f"* and by: {by}"] if by else []),
            *(f"* `{m.name}` ({m.unit}): {m.words}" for m in figure.measures),
            "",
        ]
    )


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(inserted(file.read_text(encoding="utf-8")), encoding="utf-8")
