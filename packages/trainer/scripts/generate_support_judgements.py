"""Judgements of a support desk's answers, as the example in ``docs/examples/support-judge`` has them.

``grades.jsonl`` has a score for each answer, ``preferences.jsonl`` says which of two answers is better. With
``--check`` it writes nothing and fails when the committed files differ from what it would write.
"""

import argparse
import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "docs/examples/support-judge/judges/support/data"

TICKETS = [
    ("I can't log in since yesterday.", "reset the password", "clear the download folder"),
    ("My invoice shows the wrong address.", "change the address under Billing", "restart the app"),
    ("The app stops when I open a photo.", "install version 4.2", "buy more storage"),
    ("How do I cancel my plan?", "choose Cancel under Plan", "delete the app"),
    ("My export has no dates.", "tick Dates in the export dialog", "export twice"),
    ("Notifications come twice.", "sign out on the old phone", "mute the phone"),
    ("I was charged two times.", "send us the second receipt", "wait until next year"),
    ("The calendar is one hour late.", "set the time zone under Profile", "move the meetings by hand"),
    ("A colleague can't see my folder.", "share the folder with the team", "send a screenshot"),
    ("Search finds nothing.", "build the index again under Search", "write in capitals"),
    ("The upload ends at 99 %.", "split files above 2 GB", "rename the computer"),
    ("I lost my second factor.", "use a recovery code", "register a second account"),
    ("The dark theme is gone.", "choose Dark under Appearance", "lower the brightness"),
    ("My trial ended too early.", "ask for a week more in the form", "set the clock back"),
    ("Mails of yours land in spam.", "add our address to the contacts", "switch the mailbox off"),
    ("The printer prints empty pages.", "print as PDF first", "use thicker paper"),
]
ABSOLUTE = "###Ticket:\n{ticket}\n\n###Answer:\n{answer}\n\n###Score from 1 to 5, with a reason:"
RELATIVE = (
    "###Ticket:\n{ticket}\n\n###Answer A:\n{a}\n\n###Answer B:\n{b}\n\n###Which is better, with a reason:"
)


def answers(right: str, wrong: str) -> Iterator[tuple[str, int, str]]:
    """Every answer to a ticket that this desk could give, with its score and the reason for it."""
    helps = {"right": (right, "It names the step that helps"), "wrong": (wrong, "Its step does not help")}
    helps["vague"] = ("try again later", "It names no step")
    for advice, polite, offers in itertools.product(
        ("right", "vague", "wrong"), (True, False), (True, False)
    ):
        step, reason = helps[advice]
        parts = ["Thank you for writing."] * polite + [f"Please {step}."]
        parts += ["Tell us if that does not help."] * offers
        manner = "is polite" if polite else "is curt"
        more = ", and offers more help" if offers else ""
        score = {"right": 3 + polite + offers, "vague": 2, "wrong": 1}[advice]
        yield " ".join(parts), score, f"{reason} and {manner}{more}."


def judgements() -> dict[str, list[dict[str, object]]]:
    """The rows of each file, by its name."""
    draw = random.Random(7)
    grades, preferences = [], []
    for number, (ticket, right, wrong) in enumerate(TICKETS):
        given = list(answers(right, wrong))
        for answer, score, reason in given:
            prompt = ABSOLUTE.format(ticket=ticket, answer=answer)
            grades.append({"ticket": number, "prompt": prompt, "verdict": f"{reason} [RESULT] {score}"})
        pairs = [(a, b) for a, b in itertools.permutations(given, 2) if a[1] != b[1]]
        for a, b in draw.sample(pairs, 12):
            (_, _, reason), letter = (a, "A") if a[1] > b[1] else (b, "B")
            prompt = RELATIVE.format(ticket=ticket, a=a[0], b=b[0])
            preferences.append({"ticket": number, "prompt": prompt, "verdict": f"{reason} [RESULT] {letter}"})
    return {"grades.jsonl": grades, "preferences.jsonl": preferences}


def main() -> int:
    """Writes or checks both files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    check = parser.parse_args().check
    stale = False
    for name, rows in judgements().items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        file = DATA / name
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            print(
                f"{file}: missing, or not what {Path(__file__).name} writes; run it and commit",
                file=sys.stderr,
            )
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
