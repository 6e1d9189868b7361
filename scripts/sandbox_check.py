"""Prints what this machine grants a sandbox, and how it fares against attacks."""

import argparse
import sys
from pathlib import Path

from selfalign import ROOT
from selfalign.errors import UserError
from selfalign.sandbox.check import check

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, default=ROOT / "resources" / "sandbox", help="folder of the image")
    parser.add_argument("--engine", default="auto", help="apptainer, bubblewrap, or auto for all that are installed")
    options = parser.parse_args()
    try:
        sys.exit(0 if check(options.image, options.engine) else 1)
    except UserError as error:
        sys.exit(str(error))
