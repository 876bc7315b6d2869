"""`./dev commit-msg FILE`: checks a commit's message. As a git hook: `printf '#!/bin/sh\\nexec ./dev commit-msg "$1"\\n'
> .git/hooks/commit-msg && chmod +x .git/hooks/commit-msg`.
"""

import subprocess
import sys
from pathlib import Path

LONGEST_SUBJECT = 60
LONGEST_LINE = 76
FILES_WITHOUT_A_WHY = 3
COMMENT = "#"


def faults(message: str, changed: int) -> list[str]:
    """The faults of a commit's message, one sentence each; ``changed`` is the number of files that the commit changes."""
    lines = [line for line in message.splitlines() if not line.startswith(COMMENT)]
    subject, rest = (lines[0] if lines else ""), lines[1:]
    body = [line for line in rest if line.strip()]
    if subject.startswith(("Merge ", "Revert ", "fixup! ", "squash! ")):
        return []
    checks = {
        "Say in the first line what the commit does.": not subject.strip(),
        f"The subject has {len(subject)} characters: at most {LONGEST_SUBJECT}.": len(subject) > LONGEST_SUBJECT,
        "The subject begins with a capital letter and a verb: Add, Fix, Test, Document, Rename, Measure.": bool(subject)
        and not subject[0].isupper(),
        "The subject ends without a full stop.": subject.endswith("."),
        "Leave the second line empty.": bool(rest and rest[0].strip()),
        f"A line of the body is longer than {LONGEST_LINE} characters.": any(len(line) > LONGEST_LINE for line in body),
        f"The commit changes {changed} files: say why in a body.": changed > FILES_WITHOUT_A_WHY and not body,
    }
    return [sentence for sentence, is_so in checks.items() if is_so]


def main() -> int:
    staged = subprocess.run(["git", "diff", "--cached", "--name-only"], capture_output=True, text=True, check=False).stdout
    found = faults(Path(sys.argv[1]).read_text("utf-8"), len(staged.splitlines()))
    for sentence in found:
        print(f"commit message: {sentence}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
