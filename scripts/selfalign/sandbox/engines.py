"""How a container is started: the command lines of Apptainer and bubblewrap.

Either gives the server a read-only root made of the image, no network, no home, no host environment, and the payload
folder, read-only, at /mnt. Where the workflow runs as root, the server is given just the right to become an ordinary
user, which it uses before it takes any request.
"""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

from selfalign.errors import UserError
from selfalign.sandbox.payload import server

PAYLOAD = Path(server.__file__).resolve().parent
"""What runs inside the container. Scripts import it all through the server, so that a change of it changes their fingerprint."""

UNPRIVILEGED = 65534
SESSION_MB = 64
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}
"""All that a program sees of an environment. One hash seed and one thread for arithmetic: the same in every run."""

SECOND_ENVIRONMENT = ENVIRONMENT | {
    "PYTHONHASHSEED": "4242424242",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "de_DE.UTF-8",
    "TZ": "<+0545>-5:45",
}
"""Of the second run, which must end as the first one did: another order in sets, decimal comma, and time zone."""
SECOND_CLOCK_SHIFT_S = 34_567_890
"""Seconds by which the clock of the second run goes ahead: 400 days and some hours, so another year, month and weekday."""

BOOTSTRAP = (
    "import importlib.util, sys; "
    "s = importlib.util.spec_from_file_location('_sandbox', '/mnt/__init__.py', submodule_search_locations=['/mnt']); "
    "m = importlib.util.module_from_spec(s); sys.modules['_sandbox'] = m; s.loader.exec_module(m); "
    "import _sandbox.server; _sandbox.server.main()"
)


@cache
def harness_version() -> str:
    """Content hash of everything that runs inside the container, and of how a verdict is made of its facts."""
    state = hashlib.sha256()
    for path in [*sorted(PAYLOAD.glob("*.py")), PAYLOAD.parent / "verdicts.py"]:
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def candidates(engine: str) -> list[str]:
    """The engines to try, in order.

    Raises:
        UserError: none that was asked for is installed.
    """
    programs = {"apptainer": ("apptainer", "singularity"), "bubblewrap": ("bwrap",)}
    if engine != "auto" and engine not in programs:
        raise UserError(f"sandbox.engine is {engine!r}: auto, apptainer or bubblewrap is wanted", where="config.yaml")
    wanted = list(programs) if engine == "auto" else [engine]
    found = [name for name in wanted if any(shutil.which(program) for program in programs[name])]
    if not found:
        raise UserError(
            f"no sandbox: {' and '.join(wanted)} {'are' if len(wanted) > 1 else 'is'} not installed",
            where="model-written code runs nowhere else, so the workflow stops here",
            fix="install Apptainer (`make setup` does it on Debian 12; or apptainer.org, or your cluster's modules) or "
            "bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`)",
        )
    return found


def command(engine: str, image: Path, environment: dict[str, str]) -> list[str]:
    """The command that starts the server in a container of the image folder (with `rootfs/` in it)."""
    pairs = [f"{name}={value}" for name, value in environment.items()]
    inside = ["/usr/bin/env", "-i", *pairs, "python3", "-s", "-B", "-c", BOOTSTRAP]
    build = {"apptainer": _apptainer, "bubblewrap": _bubblewrap}[engine]
    return [*build(image / "rootfs"), *inside]


def _apptainer(rootfs: Path) -> list[str]:
    program = shutil.which("apptainer") or shutil.which("singularity")
    flags = ["--containall", "--cleanenv", "--no-home", "--no-privs", "--pid", "--ipc", "--net", "--network", "none"]
    flags += ["--no-mount", "bind-paths,hostfs,sys", "--bind", f"{PAYLOAD}:/mnt:ro", "--pwd", "/"]
    if os.geteuid() == 0:
        flags += ["--add-caps", "CAP_SETUID,CAP_SETGID"]
    return [program, "--silent", "exec", *flags, str(rootfs)]


def _bubblewrap(rootfs: Path) -> list[str]:
    flags = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        flags += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        flags += ["--cap-add", "CAP_SYS_ADMIN"]  # for a whole /proc; given up with the rest
    else:
        flags += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    flags += ["--ro-bind", str(rootfs), "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", str(PAYLOAD), "/mnt"]
    flags += ["--size", str(SESSION_MB << 20), "--perms", "1777", "--tmpfs", "/tmp", "--chdir", "/", "--clearenv"]
    flags += ["--remount-ro", "/dev", "--hostname", "sandbox", "--die-with-parent", "--new-session"]
    return [shutil.which("bwrap"), *flags]


def host_environment() -> dict[str, str]:
    """What the container engine itself is started with: no binds or options from the caller's environment."""
    kept = ("PATH", "HOME", "USER", "TMPDIR", "XDG_RUNTIME_DIR", "APPTAINER_CACHEDIR", "APPTAINER_TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}
