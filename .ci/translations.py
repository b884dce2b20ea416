"""Keep the catalogues of the three languages in step with the code: `update` collects texts, `check` judges.

Texts in the code are English, so English is complete by itself; Chinese and Tibetan must be. A Tibetan text that a
native reader should look at says so in a comment of its catalogue (`# review: why`); docs/translation-review.md
lists these, written by `update`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

CATALOGUES = Path("shop/translations")
COMPLETE = {"zh", "bo"}
LANGUAGES = ("zh", "en", "bo")
REVIEW = Path("docs/translation-review.md")
DOUBT = "review:"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")
KEYWORDS = ("_l", "lazy_gettext", "lazy_ngettext:1,2")


def pybabel(*arguments: str) -> None:
    """Run Babel's command line; its own words are enough when it fails."""
    subprocess.run([str(Path(sys.executable).parent / "pybabel"), "--quiet", *arguments], check=True)


def collect(into: Path) -> Path:
    """Extract every text of code and templates."""
    keywords = [part for word in KEYWORDS for part in ("-k", word)]
    layout = ("--no-location", "--sort-output", "--no-wrap", "--project=yarlung-market")
    pybabel("extract", "-F", "babel.cfg", *keywords, *layout, "-o", str(into), ".")
    return into


def path_of(language: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / "messages.po"


def update(template: Path) -> None:
    """Add new texts to every catalogue and drop those the code no longer says."""
    for language in LANGUAGES:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        verb = ("update", "--no-fuzzy-matching", "--ignore-pot-creation-date") if path.exists() else ("init",)
        pybabel(*verb, "--no-wrap", "-i", str(template), "-o", str(path), "-l", language)
        catalogue = polib.pofile(str(path), wrapwidth=0)
        for entry in catalogue.obsolete_entries():
            catalogue.remove(entry)
        catalogue.save()


def faults_of(language: str, template: polib.POFile) -> list[str]:
    """What is wrong with one catalogue, a line each."""
    if not path_of(language).exists():
        return [f"{language}: there is no catalogue; run `make i18n`"]
    catalogue = {(e.msgctxt, e.msgid): e for e in polib.pofile(str(path_of(language))) if not e.obsolete}
    faults = []
    for wanted in template:
        entry = catalogue.get((wanted.msgctxt, wanted.msgid))
        if entry is None:
            faults.append(f"{language}: not in the catalogue, run `make i18n`: {wanted.msgid!r}")
        elif language in COMPLETE and not entry.translated():
            faults.append(f"{language}: not translated{' (fuzzy)' if entry.fuzzy else ''}: {entry.msgid!r}")
        else:
            faults += [f"{language}: {fault}: {entry.msgid!r}" for fault in wrong_placeholders(entry)]
    return faults


def wrong_placeholders(entry: polib.POEntry) -> list[str]:
    """A translation that names a value the code does not give would break the page that shows it."""
    known = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural or ""))
    texts = [text for text in (entry.msgstr, *entry.msgstr_plural.values()) if text]
    found = {place for text in texts for place in PLACEHOLDER.findall(text)}
    return [f"unknown value {place}" for place in found - known]


def review_page() -> str:
    """What a native reader of Tibetan is asked to look at, as a page."""
    chinese = {(e.msgctxt, e.msgid): e.msgstr or e.msgstr_plural.get(0, "") for e in polib.pofile(str(path_of("zh")))}
    tibetan = [entry for entry in polib.pofile(str(path_of("bo"))) if not entry.obsolete]
    doubtful = [entry for entry in tibetan if entry.tcomment.startswith(DOUBT)]
    lines = [
        "# Tibetan that a native reader should look at",
        "",
        f"{len(tibetan)} texts are in Tibetan; {len(doubtful)} of them are doubtful, for the reason beside them. No",
        "native reader has read any of them yet. General words (sign in, search, save, days) follow the terms of",
        "MediaWiki, BDRC and CLDR; words of a shop (cart, stock, counter) stand in none of these and were chosen",
        "here, the same word everywhere: who changes one, changes it in every text. A text that was read loses its",
        "`# review:` comment in `shop/translations/bo/LC_MESSAGES/messages.po`; `make i18n` writes this page anew.",
        "",
        "| English | Chinese | Tibetan | doubt |",
        "|---|---|---|---|",
    ]
    for entry in doubtful:
        text = entry.msgstr or entry.msgstr_plural.get(0, "")
        cells = (entry.msgid, chinese[entry.msgctxt, entry.msgid], text, entry.tcomment.removeprefix(DOUBT).strip())
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        template = collect(Path(folder) / "messages.pot")
        if sys.argv[1:] == ["update"]:
            update(template)
            REVIEW.write_text(review_page())
            return 0
        texts = polib.pofile(str(template))
        faults = [fault for language in LANGUAGES for fault in faults_of(language, texts)]
    if not faults and (not REVIEW.exists() or REVIEW.read_text() != review_page()):
        faults.append(f"{REVIEW} is not what the Tibetan catalogue says: run `make i18n`")
    for fault in faults:
        print(fault)
    print(f"Translations: {len(texts)} texts, {len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
