"""Gathering of seeds: survivors, shards, and bytes that depend on the rows alone."""

import json
import os
import random
import subprocess
import sys

import pytest

from gather_seeds import cut, main
from selfalign.errors import EmptyStageError, UserError
from selfalign.rows import row_id

NOTHING = {"seeds": [], "packages": [], "corpora": [], "licences": []}
NEAR = {"threshold": 0.5, "permutations": 128, "shingle": 3}
BENCHMARK = {
    "benchmark": "bench",
    "task_id": "B/1",
    "canonical_solution": "    return 1\n",
    "entry_point": "f",
    "prompt": "Tell whether any two numbers in the list are closer than the threshold.",
}


def seed(code: str, corpus: str = "a") -> dict:
    return {"id": row_id("seed", code), "code": code, "origin": {"corpus": corpus}, "licence": "MIT"}


def different(number: int) -> str:
    words = random.Random(number)
    return "def f(x):\n" + "".join(f"    x = x + name{words.randrange(10**6)}\n" for _ in range(5)) + "    return x\n"


DIFFERENT = [seed(different(number)) for number in range(40)]
SPACED = seed(different(0).replace("    ", "\t"), "b")
SIMILAR = seed(different(1).replace("    return x\n", "    return x, x\n"), "b")
TAINTED = seed(f'def g(x):\n    """{BENCHMARK["prompt"]}"""\n    return x\n')
ROWS = [*DIFFERENT, {**DIFFERENT[2], "origin": {"corpus": "b"}}, SPACED, SIMILAR, TAINTED]


def write(path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def gather(
    tmp_path, files: list[list[dict]], shards: int = 3, limit: int | None = None, out: str = "out", **exclude
) -> dict:
    corpora = [write(tmp_path / f"{out}-{number}.jsonl", rows) for number, rows in enumerate(files)]
    bench = write(tmp_path / "bench.jsonl", [BENCHMARK])
    folder = tmp_path / out
    paths = [str(folder / f"{number}-of-{shards}.jsonl") for number in range(shards)]
    rejected, counts = str(folder / "rejected.jsonl"), str(folder / "counts.json")
    main(corpora, [bench], NEAR, {"ngram": 10}, limit, {**NOTHING, **exclude}, paths, rejected, counts)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def ids(files: dict) -> list[str]:
    names = sorted((name for name in files if "-of-" in name), key=lambda name: int(name.split("-")[0]))
    return [json.loads(line)["id"] for name in names for line in files[name].splitlines()]


def test_each_row_is_dropped_for_its_reason(tmp_path):
    files = gather(tmp_path, [ROWS])
    counts = json.loads(files["counts.json"])
    assert counts["in"] == len(ROWS)
    assert counts["kept"] == 40
    assert counts["rejected"] == {"exact_duplicate": 2, "near_duplicate": 1, "contaminated": 1}
    assert counts["extra"] == {"contaminated: bench": 1}
    rejected = [json.loads(line) for line in files["rejected.jsonl"].splitlines()]
    near = next(row for row in rejected if row["reason"] == "near_duplicate")
    assert {near["id"], near["detail"].split()[1].rstrip(",")} == {SIMILAR["id"], DIFFERENT[1]["id"]}
    assert near["id"] > near["detail"].split()[1]


def test_shards_are_equal_contiguous_ranges_of_ids(tmp_path):
    files = gather(tmp_path, [ROWS])
    assert ids(files) == sorted(ids(files))
    assert sorted(len(files[f"{n}-of-3.jsonl"].splitlines()) for n in range(3)) == [13, 13, 14]


def test_the_order_and_the_files_of_rows_do_not_matter(tmp_path):
    wanted = gather(tmp_path, [ROWS], out="first")
    shuffled = list(ROWS)
    random.Random(1).shuffle(shuffled)
    assert gather(tmp_path, [shuffled[:17], shuffled[17:]], out="second") == wanted
    assert gather(tmp_path, [shuffled[::-1]], out="third") == wanted  # also turns round rows of one id


def test_the_limit_keeps_the_lowest_ids_and_counts_the_rest(tmp_path):
    everything = ids(gather(tmp_path, [ROWS], out="all"))
    files = gather(tmp_path, [ROWS], limit=10, out="limited")
    assert ids(files) == everything[:10]
    counts = json.loads(files["counts.json"])
    assert counts["kept"] + sum(counts["rejected"].values()) == len(ROWS)
    assert counts["rejected"]["over_limit"] > 20


def test_fewer_seeds_than_shards_is_an_error(tmp_path):
    with pytest.raises(UserError, match="2 seeds are left for 3 shards"):
        gather(tmp_path, [DIFFERENT[:2]])
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_no_seed_is_an_error(tmp_path):
    with pytest.raises(EmptyStageError, match="1 contaminated"):
        gather(tmp_path, [[TAINTED]])


def test_cut():
    assert cut(list(range(7)), 3) == [[0, 1], [2, 3], [4, 5, 6]]
    assert cut([1], 1) == [[1]]


SCRIPT = """
import json, sys
from gather_seeds import main
from mine_seeds import main as mine
folder, corpus = sys.argv[1:3]
out = {key: f"{folder}/{key}" for key in ("kept", "rejected", "counts", "files_rejected", "files_counts")}
filters = json.loads(sys.argv[3])
mine("c", {"kind": "directory", "path": corpus, "licence": "MIT"}, None, ["MIT"], filters, **out)
near = {"threshold": 0.5, "permutations": 128, "shingle": 3}
main([out["kept"]], [f"{corpus}/bench.jsonl"], near, {"ngram": 10}, None, json.loads(sys.argv[4]),
     [f"{folder}/0-of-1.jsonl"], f"{folder}/seeds.rejected", f"{folder}/seeds.counts")
"""


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path, root):
    filters = {
        "min_lines": 2,
        "max_lines": 50,
        "min_docstring_words": 1,
        "require_return": True,
        "require_arguments": True,
        "forbidden_imports": ["os"],
        "allowed_imports": [],
        "unfinished_markers": ["todo", "bug"],
        "max_file_bytes": 100_000,
        "max_line_length": 500,
    }
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write(corpus / "bench.jsonl", [BENCHMARK, {**BENCHMARK, "benchmark": "other"}])
    head = "import re, math\nfrom typing import Any, List, Dict, TypeVar\nT = TypeVar('T')\nA = 1\nB = 2\n\n"
    body = 'def f{n}(x: Any, y: List[Dict[T, T]]):\n    """Does it {n}."""\n    return re.sub(x, math.floor(A + B), y, {n})\n'
    tainted = f'\ndef g(x):\n    """{BENCHMARK["prompt"]}"""\n    return x + zeta + alpha + math.pi\n'
    for number in range(5):
        text = head + body.format(n=number) + tainted.replace("zeta + alpha", "A" if number else "zeta + alpha")
        (corpus / f"m{number}.py").write_text(text)
    results = []
    for hash_seed in ("0", "1", "4321"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root / "scripts")}
        command = [sys.executable, "-c", SCRIPT, str(folder), str(corpus), json.dumps(filters), json.dumps(NOTHING)]
        subprocess.run(command, env=environment, check=True)
        results.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert results[0] == results[1] == results[2]
    assert b"contaminated" in results[0]["seeds.rejected"]
    assert b"undefined_name" in results[0]["rejected"]


@pytest.mark.parametrize(
    ("exclude", "gone"),
    [
        ({"seeds": [DIFFERENT[3]["id"]]}, {DIFFERENT[3]["id"]}),
        ({"corpora": ["a"]}, {row["id"] for row in DIFFERENT}),
        ({"licences": ["GPL-3.0-only"]}, set()),
    ],
)
def test_what_is_excluded_goes_and_nothing_comes_in_its_place(tmp_path, exclude, gone):
    usual = gather(tmp_path, [ROWS], shards=1, limit=30)
    without = gather(
        tmp_path, [[*ROWS, seed("def own(x):\n    return x\n", "c")]], shards=1, limit=30, out="less", **exclude
    )
    left = [row for row in ids(usual) if row not in gone]
    assert set(ids(without)) <= set(left) | {seed("def own(x):\n    return x\n")["id"]}
    rejected = [json.loads(line) for line in without["rejected.jsonl"].splitlines()]
    assert {row["row"]["id"] for row in rejected if row["reason"] == "excluded"} == gone & set(ids(usual))
