"""Random lines of source files: the kind of seeds that OSS-Instruct and the paper's ablation of seeds start from.

Which lines are taken is a function of the file's text alone: neither other files, their order, nor a random state matter.
"""

import re

from selfalign.corpora.base import SourceFile
from selfalign.mining.mined import Mined, seed_base
from selfalign.rows import draw, row_id

WORD = re.compile(r"[^\W\d_]\w*")


def cut_snippets(corpus: str, file: SourceFile, settings: dict) -> list[Mined]:
    """`per_file` runs of consecutive lines of a file, those of a file that is the same twice once.

    Args:
        settings: the config's `seeds.snippets`.
    """
    lines = file.text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.strip()]
    key = row_id("file", file.text)
    found: dict[str, Mined] = {}
    for number in range(settings["per_file"] if starts else 0):
        start = starts[int(draw(key, "snippet", number, "start") * len(starts))]
        spread = settings["max_lines"] - settings["min_lines"] + 1
        length = settings["min_lines"] + int(draw(key, "snippet", number, "length") * spread)
        code = "\n".join(line.rstrip() for line in lines[start : start + length]).rstrip()
        base = seed_base(corpus, file.licence, file.package, file.version, file.path, start + 1)
        row = {**base, "id": row_id("seed", code), "code": code}
        found.setdefault(row["id"], _judged(row, code, settings))
    return list(found.values())


def _judged(row: dict, code: str, settings: dict) -> Mined:
    lines = code.split("\n")
    if len(lines) < settings["min_lines"]:
        return Mined(row, "too_short", f"{len(lines)} lines, the file ends")
    if all(not line.strip() or line.lstrip().startswith("#") for line in lines):
        return Mined(row, "only_comments")
    words = len(set(WORD.findall(code)))
    if words < settings["min_words"]:
        return Mined(row, "too_few_words", f"{words} different words")
    return Mined(row)
