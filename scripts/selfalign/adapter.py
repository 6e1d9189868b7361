"""The one place where scripts meet Snakemake: logging, errors, exit status."""

import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from selfalign import HOST_PYTHON
from selfalign.errors import UserError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up_logging(path: str | None) -> None:
    """Sends log records to the rule's log file and, from level warning, to standard error."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    # Progress bars would fill the terminal and the logs; warnings of libraries belong into the log.
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.captureWarnings(True)
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.WARNING if path else logging.INFO)
    handlers: list[logging.Handler] = [console]
    if path:
        console.addFilter(lambda record: record.name != "py.warnings")
        handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        root.addHandler(handler)


def leave_host_python() -> None:
    """In a container, takes the host's packages out of reach: what an image lacks is an error, not a package of whatever
    version the host has."""
    sys.path[:] = [path for path in sys.path if not path.startswith(HOST_PYTHON)]


def run(main: Callable[..., Any], snakemake: Any, **arguments: Any) -> None:
    """Calls `main(**arguments)` under the rule's log.

    A :class:`UserError` ends the job with its message alone; anything else leaves its traceback in the log and on
    standard error. `snakemake` is the object that Snakemake puts into a script; only its log is used.
    """
    leave_host_python()
    set_up_logging(snakemake.log[0] if snakemake.log else None)
    logger = logging.getLogger("selfalign")
    try:
        main(**arguments)
    except UserError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Exception:
        logger.error("this is a defect, please report it:\n%s", traceback.format_exc())
        sys.exit(1)
