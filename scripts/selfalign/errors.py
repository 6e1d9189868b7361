"""Errors that a user can act on."""


class UserError(Exception):
    """Something outside the code is wrong: input, config, a tool, the machine.

    It is shown without a traceback, so its text has to carry everything.

    Args:
        what: what is wrong, in one sentence, with the offending value.
        where: file, line, config key or row that it was found in.
        fix: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = ""):
        self.what, self.where, self.fix = what, where, fix
        parts = [what]
        if where:
            parts.append(f"  where: {where}")
        if fix:
            parts.append(f"  do:    {fix}")
        super().__init__("\n".join(parts))


class InfrastructureError(UserError):
    """The machine failed, not the input: worth a retry, never to be recorded against a row."""


class EmptyStageError(UserError):
    """A stage would have written no row (law 5: an empty success is a failure)."""
