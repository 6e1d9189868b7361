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
    scripts = ROOT / "containers"
    build = [scripts / "build_sandbox.sh", Path(image).resolve().parent]
    build += [Path(libraries).resolve()] if libraries else []
    for command in ([scripts / "can_build.sh", "sandbox"], build):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = done.stdout.splitlines()
        for line in lines:
            logger.info("%s", line)
        if done.returncode:
            raise InfrastructureError(
                "the sandbox image could not be built: " + " | ".join(lines[-3:]),
                where="containers/build_sandbox.sh",
                fix="mend what the last lines say; `make setup` installs what the build needs",
            )


if "snakemake" in globals():
    run(main, snakemake, image=snakemake.output.image, libraries=snakemake.input.get("libraries") or None)
