"""The processes below one of them, and what they use together, from /proc."""

import os
import resource

TICK = os.sysconf("SC_CLK_TCK")
PAGE = resource.getpagesize()


def _stat(process: str) -> list[str] | None:
    try:
        with open(f"/proc/{process}/stat", "rb") as stream:
            return stream.read().decode("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def _tree(root: int) -> dict[int, list[str]]:
    """Fields of /proc/*/stat after the name, of every process below `root`."""
    stats = {int(name): fields for name in os.listdir("/proc") if name.isdigit() and (fields := _stat(name))}
    below: dict[int, list[str]] = {}
    level = {root}
    while level:
        level = {process for process, fields in stats.items() if int(fields[1]) in level and process not in below}
        below.update({process: stats[process] for process in level})
    return below


def own_id_in_proc() -> int:
    """This process's id as /proc shows it, which is another one where /proc is that of an outer namespace."""
    return int(os.readlink("/proc/self"))


def descendants(root: int) -> list[int]:
    return sorted(_tree(root))


def is_alone(process: int) -> bool:
    """Whether a process has one thread and no child. Quicker than to look at all processes; False also if unknown."""
    try:
        with open(f"/proc/{process}/task/{process}/children", "rb") as stream:
            return not stream.read() and len(os.listdir(f"/proc/{process}/task")) == 1
    except OSError:
        return False


def living(root: int) -> list[int]:
    """Processes below `root` that have not ended."""
    return sorted(process for process, fields in _tree(root).items() if fields[0] not in "ZX")


def tree_usage(root: int, base_bytes: int) -> tuple[float, int]:
    """What all processes below `root` use.

    Returns:
        CPU seconds, with those of children that were waited for, and resident bytes beyond `base_bytes` a process (what
        each of them shares with the worker it was forked from).
    """
    fields = _tree(root).values()
    ticks = sum(int(count) for stat in fields for count in stat[11:15])
    resident = sum(max(0, int(stat[21]) * PAGE - base_bytes) for stat in fields)
    return ticks / TICK, resident
