"""Content hash of a script and of the package modules it imports, for `params:`.

Snakemake notices a changed script by its time stamp and a changed imported module not at all. Rules therefore carry this
hash as a parameter: a checkout or a `touch` redoes nothing, an edit redoes exactly the rules whose script reaches it.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
PACKAGE = "selfalign"
LENGTH = 16  # hex digits
SOURCES = (
    "Snakefile", "rules/**/*.smk", "prompts/*.jinja", "prompts/examples/*.yaml", "recipes/*/*.yaml",
    "scripts/selfalign/methods/*.py", "scripts/selfalign/benchmarks/*.py",  # modules that scripts open by name
)  # fmt: skip
RULE_SCRIPT = re.compile(r'"\.\./scripts/(\w+\.py)"')


def _module_file(module: str) -> Path | None:
    path = SCRIPTS / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of package modules that a file imports, anywhere in it (imports inside functions count)."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = path.parents[node.level - 1].relative_to(SCRIPTS).parts if node.level else ()
            module = ".".join([*around, *([node.module] if node.module else [])])
            names = [module] + [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update(file for name in names if name.split(".")[0] == PACKAGE and (file := _module_file(name)))
    return frozenset(found)


@cache
def source_files(script: str) -> tuple[Path, ...]:
    """The script (name relative to scripts/) and every package file that it reaches, sorted."""
    pending, seen = [SCRIPTS / script], set()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending += _imports(path)
    return tuple(sorted(seen))


@cache
def code_fingerprint(script: str) -> str:
    """Hash of the syntax trees of :func:`source_files`: comments and layout don't count."""
    return _hash_of(source_files(script))


def _hash_of(files: tuple[Path, ...]) -> str:
    state = hashlib.sha256()
    for path in files:
        state.update(path.relative_to(SCRIPTS).as_posix().encode() + b"\0")
        state.update(ast.dump(ast.parse(path.read_bytes())).encode() + b"\0")
    return state.hexdigest()[:LENGTH]


@cache
def stage_fingerprint(script: str, stage: str) -> str:
    """:func:`code_fingerprint` of a script, with the module of a stage that the script imports by name alone."""
    name = f"{PACKAGE}/methods/{stage}.py"
    return code_fingerprint(script) + (code_fingerprint(name) if (SCRIPTS / name).is_file() else "")


@cache
def benchmark_fingerprint(script: str, kind: str) -> str:
    """Hash of :func:`benchmark_files`."""
    return _hash_of(benchmark_files(script, kind))


def benchmark_files(script: str, kind: str) -> tuple[Path, ...]:
    """The files of a script with those of the kind of benchmark that it opens by name, sorted.

    What a benchmark scores by does not count for a script that reaches no sandbox itself: it only asks.
    """
    own = set(source_files(script))
    scores = any(path.parent.name == "sandbox" for path in own)
    more = source_files(f"{PACKAGE}/benchmarks/{kind.replace('-', '_')}.py")
    asked = {path for path in more if "sandbox" not in path.parts and not path.stem.endswith("scoring")}
    return tuple(sorted(own | (set(more) if scores else asked)))


@cache
def file_fingerprint(*names: str) -> str:
    """Hash of the bytes of files, named relative to the repository's root."""
    state = hashlib.sha256()
    for name in names:
        state.update(name.encode() + b"\0" + (SCRIPTS.parent / name).read_bytes() + b"\0")
    return state.hexdigest()[:LENGTH]


def source_fingerprints() -> dict[str, str]:
    """Hash of everything that decides results beside config, packages and models, by file.

    Of a script it is that of its code and of all that it imports; of all other files that of the bytes.
    """
    root = SCRIPTS.parent
    found = {}
    for path in sorted(path for pattern in SOURCES for path in root.glob(pattern)):
        name = path.relative_to(root).as_posix()
        found[name] = file_fingerprint(name)
        if path.suffix == ".smk":
            names = RULE_SCRIPT.findall(path.read_text(encoding="utf-8"))
            found.update({f"scripts/{script}": code_fingerprint(script) for script in names})
    return found


def text_fingerprint(*texts: str) -> str:
    """Hash of texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:LENGTH]


def sha256(name: str) -> str:
    """SHA-256 of a file, named relative to the repository's root."""
    return hashlib.sha256((SCRIPTS.parent / name).read_bytes()).hexdigest()
