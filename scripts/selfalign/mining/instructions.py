"""Which rows of a published set of instructions are seeds of their kind."""

from selfalign.corpora.base import licence_allowed
from selfalign.mining.mined import Mined, seed_base
from selfalign.rows import row_id
from selfalign.stages.parsing import invalid_unicode


def judge_instruction(corpus: str, spec: dict, licences: list[str], place: str, row: dict, problem: str) -> Mined:
    """A seed whose `code`, by which seeds are compared, is the instruction; with its `answer`, "" for none.

    Args:
        spec: the corpus' config, of kind `instructions`.
        licences: the allow-list.
        place, row, problem: see :func:`selfalign.corpora.instruction_table.read`.
    """
    file, _, line = place.rpartition(":")
    licence, instruction, answer = (row.get(key, "") for key in ("licence", "instruction", "answer"))
    key = row_id("seed", "instruction", instruction, answer) if row else row_id("instruction", corpus, place)
    base = seed_base(corpus, licence, spec["dataset"] or "", spec["revision"] or "", file, int(line))
    seed = {**base, "id": key, "code": instruction, "docstring": "", "answer": answer}
    if problem:
        return Mined(seed, "unreadable", problem)
    if not licence or not licence_allowed(licence, licences):
        return Mined(seed, "licence", f"{licence or 'none'} is stated")
    if not instruction:
        return Mined(seed, "empty")
    if detail := invalid_unicode(instruction + answer):
        return Mined(seed, "invalid_unicode", detail)
    return Mined(seed)
