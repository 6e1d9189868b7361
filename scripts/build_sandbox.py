"""Builds the image that model-written code runs in: containers/build_sandbox.sh, with its output in the rule's log."""

import logging
import subprocess
from pathlib import Path

from selfalign import ROOT
from selfalign.adapter import run
from selfalign.errors import InfrastructureError

logger = logging.getLogger("selfalign")


def main(image: str, libraries: str | None = None) -> None:
    """Builds into the folder of `image` (image.json, written last).

    Args:
        libraries: lock with hashes of further packages.
    """
    command = [ROOT / "containers" / "build_sandbox.sh", Path(image).resolve().parent]
    command += [Path(libraries).resolve()] if libraries else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines = [line.rstrip() for line in process.stdout]
    for line in lines:
        logger.info("%s", line)
    if process.returncode:
        raise InfrastructureError(
            "the sandbox image could not be built: " + " | ".join(lines[-3:]),
            where="containers/build_sandbox.sh",
            fix="mend what the last lines say; `make setup` installs what the build needs",
        )


if "snakemake" in globals():
    run(main, snakemake, image=snakemake.output.image, libraries=snakemake.input.get("libraries") or None)
