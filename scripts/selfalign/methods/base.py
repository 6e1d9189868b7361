"""What a method of making instruction data is: which stages it has, and where their rows come from.

The rules know roles, not methods: seeds → concepts → tasks → unique tasks → responses (→ tests) → verdicts. A method says
who plays each role.
"""

from dataclasses import dataclass, field

SECTIONS = ("concepts", "tasks", "evolution", "responses", "tests")
"""Keys of a generator in config that belong to a stage."""


@dataclass(frozen=True)
class Method:
    """One way from seeds to answered tasks.

    Attributes:
        name: in config.
        summary: one sentence for the data card.
        seeds: kind of seeds that it starts from unless config says otherwise; "" for a method that takes another
            generator's tasks (config `tasks_of`), and with them their seeds.
        concepts, tasks, responses: the stage that plays the role (see :func:`selfalign.stages.open_stage`), or the step
            (see `scripts/adopt.py`) when the role is in `direct`; "" when nobody does.
        rounds: stage that makes tasks from tasks, round after round; "" for none.
        tested: whether its responses bring tests. Those of the others get tests from the same model, in a stage of its
            own, as soon as a dataset's policy looks at verdicts.
        direct: roles that are played without a model.
        defaults: settings that are the method's own, over those of the schema.
    """

    name: str
    summary: str
    seeds: str = "functions"
    concepts: str = ""
    tasks: str = ""
    rounds: str = ""
    responses: str = "responses"
    tested: bool = True
    direct: frozenset[str] = frozenset()
    defaults: dict = field(default_factory=dict)

    @property
    def sections(self) -> tuple[str, ...]:
        """The keys of :data:`SECTIONS` that mean something to it."""
        roles = {"concepts": self.concepts, "tasks": self.tasks or self.rounds, "evolution": self.rounds}
        generated = {**roles, "responses": "responses" not in self.direct, "tests": not self.tested}
        return tuple(section for section in SECTIONS if generated[section])

    @property
    def generates(self) -> bool:
        """Whether it needs a model even where nobody asks for tests."""
        played = (self.rounds and "rounds", self.concepts and "concepts", self.tasks and "tasks", "responses")
        return any(role and role not in self.direct for role in played)
