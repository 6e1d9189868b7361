"""`lock_difference.py LOCK BASE`: takes out of LOCK the packages that BASE names already."""

import re
import sys
from pathlib import Path

ENTRY = re.compile(r"^([A-Za-z0-9_.-]+)==(?:.*\\\n)*.*\n", re.M)


def difference(lock: str, base: str) -> str:
    """The text of `lock` without the entries of packages that `base` has too."""
    known = {match[1] for match in ENTRY.finditer(base)}
    return ENTRY.sub(lambda match: "" if match[1] in known else match[0], lock)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(difference(target.read_text(), Path(sys.argv[2]).read_text()))
