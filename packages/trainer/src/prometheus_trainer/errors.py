"""The one exception class for mistakes that the user can put right, and other errors in a line."""


class ConfigurationError(Exception):
    """A user's mistake (a wrong path, shapes that do not agree); every other exception is a bug.

    ``hint`` says what to do about it.
    """

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem if hint is None else f"{problem}\n  {hint}")
        self.problem = problem
        self.hint = hint


def described(error: BaseException) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
