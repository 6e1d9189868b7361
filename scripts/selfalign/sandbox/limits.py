"""The limits of one execution."""

from dataclasses import asdict, dataclass

from selfalign.errors import UserError


@dataclass(frozen=True)
class Limits:
    """What a program may use. Same keys as the config's `sandbox`, less `engine`.

    Attributes:
        cpu_seconds: of all its processes together: the deadline that counts.
        wall_seconds: backstop for programs that wait; large, so that a busy machine fails nothing.
        memory_mb: address space beyond the interpreter's own, and resident memory of all its processes.
        processes: processes and threads at once.
        output_kb: standard output and standard error together.
        disk_mb: temporary files, also the largest file.
    """

    cpu_seconds: float = 10
    wall_seconds: float = 60
    memory_mb: int = 2048
    processes: int = 32
    output_kb: int = 1024
    disk_mb: int = 64

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value > 0:
                raise UserError(f"sandbox.{name} is {value!r}: a number above 0 is wanted", where="config.yaml")

    def as_dict(self) -> dict:
        return asdict(self)
