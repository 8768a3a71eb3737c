"""The one exception class for mistakes that the user can put right."""


class ConfigurationError(Exception):
    """A user's mistake (a wrong path, shapes that do not agree); every other exception is a bug.

    ``hint`` says what to do about it.
    """

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem if hint is None else f"{problem}\n  {hint}")
        self.problem = problem
        self.hint = hint
