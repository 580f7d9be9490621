"""Bad checklist files: each fault with its file, its line and what to write instead."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.handoff import checklist_file
from services.handoff.checklists import Deal
from services.handoff.config import RulesSettings
from shared.errors import Misconfigured
from tahvil.cli import app

DEFAULT = "  - {name: rest, version: 1, steps: []}\n"


def faults(folder: Path, text: str) -> list[str]:
    file = folder / "c.yaml"
    file.write_text(text, encoding="utf-8")
    _, found = checklist_file.read(file)
    return [str(fault).removeprefix(f"{folder}/") for fault in found]


def step(line: str) -> str:
    """A file whose line 5 is this step."""
    return f"templates:\n  - name: a\n    version: 1\n    steps:\n      - {line}\n"


def when(condition: str) -> str:
    """A file whose line 4 is this condition."""
    head = f"templates:\n  - name: a\n    version: 1\n    when: {condition}\n    steps: []\n"
    return head + DEFAULT


GOOD = "{id: b, title: B, due: {days: 1, after: closed}}"
NAMED = {
    "unknown key of a file": (
        "template: []\ntemplates:\n" + DEFAULT,
        "c.yaml:1: file: unknown key 'template': write templates",
    ),
    "unknown key of a template": (
        "templates:\n  - {name: a, version: 1, steps: [], verzion: 2}",
        "c.yaml:2: template: unknown key 'verzion': write version",
    ),
    "unknown key of a step": (
        step("{id: a, titel: A, title: A, due: {days: 1, after: closed}}"),
        "c.yaml:5: template a: step: unknown key 'titel': write title",
    ),
    "unknown key of a condition": (
        when("{prodct: X}"),
        "c.yaml:4: template a: when: unknown key 'prodct': write product",
    ),
    "unknown operator of an amount": (
        when("{amount: {over: 5 EUR}}"),
        ("c.yaml:4: template a: when.amount: unknown operator 'over': "
        "there are at_least, more_than, at_most, below"),
    ),
    "unknown operator of words": (
        when("{product: {like: X}}"),
        "c.yaml:4: template a: when.product: unknown operator 'like': there are is, not",
    ),
    "unknown tier": (
        when("{tier: high}"),
        "c.yaml:4: template a: when.tier: 'high' is none: there are regional, national, global",
    ),
    "unknown kind": (
        when("{kind: [new, old]}"),
        "c.yaml:4: template a: when.kind: 'old' is none: there are new, expansion, transfer",
    ),
    "amount without a currency": (
        when("{amount: {at_least: 500}}"),
        ("c.yaml:4: template a: when.amount.at_least: "
        "write an amount with its currency, e.g. 10000 EUR"),
    ),
    "amount of no currency": (
        when("{amount: {at_least: 500 EUX}}"),
        ("c.yaml:4: template a: when.amount.at_least: "
        'currency: must be an ISO 4217 code such as "EUR"'),
    ),
    "negative amount": (
        when("{amount: {at_least: -5 EUR}}"),
        ("c.yaml:4: template a: when.amount.at_least: "
        "-5 is negative: no deal is; write an amount from 0"),
    ),
    "amounts in two currencies": (
        when("{amount: {at_least: 5 EUR, below: 9 USD}}"),
        "c.yaml:4: template a: when.amount: no deal is in EUR and USD at once: write one currency",
    ),
    "amount without an operator": (
        when("{amount: 500 EUR}"),
        "c.yaml:4: template a: when.amount: write how it compares, e.g. {at_least: 10000 EUR}",
    ),
    "empty condition": (
        when("{}"),
        "c.yaml:4: template a: when: is empty: write a condition, e.g. tier: global, or leave it",
    ),
    "empty list of words": (
        when("{product: []}"),
        "c.yaml:4: template a: when.product: the list is empty: write at least one",
    ),
    "any in any": (
        when("{any: [{any: [{tier: global}]}]}"),
        ("c.yaml:4: template a: when.any: unknown key 'any': there are amount, product, tier, "
        "language, country, region, industry, kind"),
    ),
    "negative days": (
        step("{id: a, title: A, due: {days: -2, after: closed}}"),
        ("c.yaml:5: template a: step a: due.days: -2 is negative: "
        "write the number without its sign, and before for after"),
    ),
    "negative hours": (
        step("{id: a, title: A, due: {hours: -2, before: closed}}"),
        ("c.yaml:5: template a: step a: due.hours: -2 is negative: "
        "write the number without its sign, and after for before"),
    ),
    "part of a day": (
        step("{id: a, title: A, due: {days: 1.5, after: closed}}"),
        "c.yaml:5: template a: step a: due.days: write a whole number from 0 to 2000",
    ),
    "days and hours": (
        step("{id: a, title: A, due: {days: 1, hours: 2, after: closed}}"),
        ("c.yaml:5: template a: step a: due: write days or hours, and after or before, once each: "
        "{days: 1, after: closed}"),
    ),
    "unknown moment": (
        step("{id: a, title: A, due: {days: 1, after: won}}"),
        ("c.yaml:5: template a: step a: due.after: write closed, assigned, accepted, "
        "or a step's due or done: kick-off.due"),
    ),
    "unknown step in an anchor": (
        step("{id: a, title: A, due: {days: 1, after: c.due}}\n      - " + GOOD),
        "c.yaml:5: template a: step a: due: there is no step 'c': there are a, b",
    ),
    "unknown step in needs": (
        step("{id: a, title: A, due: {days: 1, after: closed}, needs: [c]}\n      - " + GOOD),
        "c.yaml:5: template a: step a: needs: there is no step 'c': there are a, b",
    ),
    "cycle among anchors": (
        step(
            "{id: a, title: A, due: {days: 1, after: b.due}}\n"
            "      - {id: b, title: B, due: {days: 1, before: a.done}}"
        ),
        ("c.yaml:5: template a: due: a → b → a are counted from each other: "
        "count one of them from closed, assigned or accepted"),
    ),
    "cycle among needs": (
        step(
            "{id: a, title: A, due: {days: 1, after: closed}, needs: [b]}\n"
            "      - {id: b, title: B, due: {days: 1, after: closed}, needs: [c]}\n"
            "      - {id: c, title: C, due: {days: 1, after: closed}, needs: [b]}"
        ),
        ("c.yaml:6: template a: needs: b → c → b wait for each other: "
        "take one of them out of `needs`, or count it from another moment"),
    ),
    "cycle of needs and an anchor, through another step": (
        step(
            "{id: a, title: A, due: {days: 1, after: closed}, needs: [c]}\n"
            "      - {id: b, title: B, due: {days: 1, after: a.done}}\n"
            "      - {id: c, title: C, due: {days: 1, after: b.due}}"
        ),
        ("c.yaml:5: template a: needs: a → c → a wait for each other: "
        "take one of them out of `needs`, or count it from another moment"),
    ),
    "needs itself": (
        step("{id: a, title: A, due: {days: 1, after: closed}, needs: [a]}"),
        ("c.yaml:5: template a: needs: a → a wait for each other: "
        "take one of them out of `needs`, or count it from another moment"),
    ),
    "duplicate id": (
        step(GOOD + "\n      - " + GOOD),
        "c.yaml:6: template a: step b stands in line 5 already: give it another id",
    ),
    "id that is taken": (
        step("{id: accept, title: A, due: {days: 1, after: closed}}"),
        ("c.yaml:5: template a: step accept: the name is taken: "
        "not one of accept, answer, mend, assign, closed, assigned, accepted"),
    ),
    "id with a space": (
        step("{id: Kick Off, title: A, due: {days: 1, after: closed}}"),
        ("c.yaml:5: template a: step.id: "
        "write small letters, digits and hyphens, such as welcome-call"),
    ),
    "missing title": (
        step("{id: a, due: {days: 1, after: closed}}"),
        ("c.yaml:5: template a: step: title is missing: "
        "write title: Welcome call, or title: {en: Welcome call, fa: …}"),
    ),
    "empty titles": (
        step("{id: a, title: {}, due: {days: 1, after: closed}}"),
        ("c.yaml:5: template a: step a: title: "
        "write title: Welcome call, or title: {en: Welcome call, fa: …}"),
    ),
    "title of no language": (
        step("{id: a, title: {Persian!: A}, due: {days: 1, after: closed}}"),
        "c.yaml:5: template a: step a: title: write languages by code, e.g. en or fa",
    ),
    "missing due": (
        step("{id: a, title: A}"),
        "c.yaml:5: template a: step: due is missing: write due: {days: 1, after: closed}",
    ),
    "unknown owner": (
        step("{id: a, title: A, owner: boss, due: {days: 1, after: closed}}"),
        ("c.yaml:5: template a: step a: owner: "
        "write manager, salesperson, head, or {person: …} with an id"),
    ),
    "needs that are no list": (
        step("{id: a, title: A, needs: b, due: {days: 1, after: closed}}\n      - " + GOOD),
        "c.yaml:5: template a: step a: needs: write a list, each item after a dash",
    ),
    "missing version": (
        "templates:\n  - {name: a, steps: []}",
        ("c.yaml:2: template: version is missing: "
        "write version: 1, and a higher one whenever you change it"),
    ),
    "version that is no number": (
        "templates:\n  - {name: a, version: v1, steps: []}",
        "c.yaml:2: version: write a whole number from 1 to 999999999",
    ),
    "key twice": (
        "templates:\n  - {name: a, name: b, version: 1, steps: []}",
        "c.yaml:2: template: name stands there twice: keep one",
    ),
    "same name and version": (
        "templates:\n  - {name: rest, version: 1, steps: [], when: {tier: global}}\n" + DEFAULT,
        ("c.yaml:3: template rest version 1 stands in c.yaml:2 already: "
        "give it another name or version"),
    ),
    "no default": (
        "templates:\n  - {name: a, version: 1, steps: [], when: {tier: global}}",
        ("c.yaml:2: template a is the last and has a `when`: there is no default. "
        "Write a last template without one"),
    ),
    "default that is not the last": (
        "templates:\n  - {name: a, version: 1, steps: []}\n" + DEFAULT,
        ("c.yaml:2: template a has no `when` and takes every deal: "
        "give it one, or put it last, where it is the default"),
    ),
    "no template": (
        "templates: []",
        "c.yaml:1: there is no template: write one without `when`, the default",
    ),
    "empty file": ("", "c.yaml:1: there is no template: write one without `when`, the default"),
    "a list": (
        "- a",
        "c.yaml:1: file: write keys with values; there are templates",
    ),
    "no YAML": (
        "templates:\n  - {name: a",
        "c.yaml:2: is not YAML: expected ',' or '}', but got '<stream end>'",
    ),
    "nested too deeply": ("[" * 5000, "c.yaml:1: is not YAML: is nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_bad_template_is_told_with_its_line(name: str, tmp_path: Path) -> None:
    text, fault = NAMED[name]
    found = [told.replace(f"{tmp_path}/", "") for told in faults(tmp_path, text)]
    assert fault in found
    if name not in ("missing title", "unknown key of a file", "a list", "no YAML"):
        assert len(found) <= 2, "one fault does not bring about a dozen"


def test_an_alias_of_itself_ends(tmp_path: Path) -> None:
    text = when("&w {any: [*w]}")
    assert faults(tmp_path, text)


def test_all_faults_of_all_files_are_told_and_the_first_by_the_service(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(when("{tier: high}").replace(DEFAULT, ""))
    (tmp_path / "b.yaml").write_text("templates:\n  - {name: b, version: 0, steps: []}")
    _, found = checklist_file.read(tmp_path)
    assert [(Path(fault.file).name, fault.line) for fault in found] == [
        ("a.yaml", 4),
        ("b.yaml", 2),
    ]
    with pytest.raises(Misconfigured) as raised:
        checklist_file.load(tmp_path)
    said = str(raised.value)
    assert said.startswith(f"TAHVIL_CHECKLISTS: {tmp_path}/a.yaml:4: template a: when.tier")
    assert said.endswith(f"and 1 more: tahvil checklist check {tmp_path}")
    assert "\n" not in said


def test_a_file_or_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.yaml:1: cannot be read: No such file"):
        checklist_file.load(tmp_path / "none.yaml")
    with pytest.raises(Misconfigured, match=r"the folder has no file \*.yaml"):
        checklist_file.load(tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match="is not YAML: is not UTF-8 text"):
        checklist_file.load(tmp_path)


def test_the_digest_knows_an_edit_from_a_new_layout(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        assert faults(tmp_path, text) == []
        found, _ = checklist_file.read(tmp_path / "c.yaml")
        return found.templates[0].checklist.digest

    first = digest(step(GOOD))
    assert (
        digest("# a word\n" + step(GOOD.replace("id: b, title: B", "title: B,   id: b"))) == first
    )
    assert digest(step(GOOD.replace("days: 1", "days: 2"))) != first
    assert digest(step(GOOD.replace("title: B", "title: C"))) != first
    assert digest(step(GOOD[:-1] + ", when: {tier: global}}")) != first


@pytest.mark.parametrize("file", ["deploy/rules/checklists.yaml", checklist_file.BUILT_IN])
def test_the_files_that_come_along_are_in_order(file: str | Path) -> None:
    found = checklist_file.load(Path(file))
    chosen = found.choose(Deal(kind="new"))
    assert chosen
    assert [one.id for one in chosen.steps] == ["welcome-call", "kick-off", "first-review"]
    assert all(set(one.titles) == {"en", "fa"} for one in chosen.steps)


def test_the_setting_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAHVIL_CHECKLISTS", "deploy/rules/checklists.yaml")
    assert len(RulesSettings().rules().checklists.templates) == 3


def test_check_prints_all_faults(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(when("{tier: high, kind: old}"))
    bad = CliRunner().invoke(app, ["checklist", "check", str(file)])
    assert bad.exit_code == 1
    assert bad.output.count(f"{file}:4: ") == 2
    good = CliRunner().invoke(app, ["checklist", "check", "deploy/rules/checklists.yaml"])
    assert (good.exit_code, good.output) == (0, "in order: key-account 1, transfer 1, standard 1\n")


def test_preview_says_which_and_why_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAHVIL_CALENDAR", "examples/crm/calendar.yaml")
    options = "--closed 2026-11-24 --accepted 2026-11-25T10:00:00Z --country DE"
    command = ["checklist", "preview", "deploy/rules/checklists.yaml", *options.split()]
    result = CliRunner().invoke(app, [*command, "--amount", "250000 USD"])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "→ key-account 1: kind is new or expansion and either tier is global" in said
    for row in (
        "privacy │ manager │ Sun 2026-11-29",
        "kick-off │ head │ Fri 2026-12-04",
        "plan │ manager │ Wed 2026-12-02",
        "first-review │ manager │ not known yet",
    ):
        assert row in said.replace("┃", "│"), said
    small = CliRunner().invoke(app, [*command, "--amount", "249999.99 USD"])
    assert "key-account 1: not so: either tier is global" in small.output
    assert "→ standard 1: the default" in small.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--closed soon", "--closed soon: write a date"),
        ("--closed 2026-11-24T10:00:00", "write a date, 2026-11-24, or 2026-11-24T10:00:00Z"),
        ("--closed 2026-11-24 --tier high", "--tier high: there are regional, national, global"),
        ("--closed 2026-11-24 --kind old", "--kind old: there are new, expansion, transfer"),
        ("--closed 2026-11-24 --amount 5", "--amount 5: write an amount with its currency"),
    ],
)
def test_preview_says_what_to_type_instead(options: str, reason: str) -> None:
    command = ["checklist", "preview", "deploy/rules/checklists.yaml", *options.split()]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, Misconfigured)
    assert reason in str(result.exception)


def test_a_file_that_explodes_by_its_aliases_is_told(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (told,) = faults(tmp_path, "\n".join(lines))
    assert told.endswith("becomes too large by its aliases: write it out without *")
