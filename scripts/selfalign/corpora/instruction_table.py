"""Corpus kind `instructions`: a table with a task a row, and maybe its answer, such as Code Alpaca's or Evol-Instruct's."""

from collections.abc import Iterator

from selfalign.corpora import table
from selfalign.corpora.base import join_licences

COLUMNS = ("instruction_column", "input_column", "answer_column", "licence_column")


def read(name: str, spec: dict) -> Iterator[tuple[str, dict, str]]:
    """(place, row, what is wrong with it) of every row, in the order of files and rows.

    A row has `instruction` (with what the input column adds to it), `answer` ("" without a column for it) and `licence`.
    """
    for place, row, problem in table.rows(name, spec, COLUMNS):
        texts = {key: row.get(spec[key]) if spec[key] else "" for key in COLUMNS[:3]}
        texts = {key: "" if text is None else text for key, text in texts.items()}
        if not problem and not all(isinstance(text, str) for text in texts.values()):
            problem = "a column that is no text"
        if problem:
            yield place, {}, problem
            continue
        asked = (texts["instruction_column"].strip(), texts["input_column"].strip())
        stated = row.get(spec["licence_column"]) if spec["licence_column"] else spec["licence"]
        answer = texts["answer_column"].strip("\n")
        yield (
            place,
            {"instruction": "\n\n".join(filter(None, asked)), "answer": answer, "licence": join_licences(stated)},
            "",
        )
