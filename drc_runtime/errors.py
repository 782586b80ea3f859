"""Every error that a user can cause or meet, as one family with an exit code.

The command line prints ``str(error)`` as its only line on stderr, so a message says what was wrong and the way out.
"""


class DRCError(Exception):
    """Base of all errors that this project raises on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UsageError(DRCError):
    """The arguments contradict each other or cannot work (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """A preset, a recipe or a ``--set`` value is not valid (exit code 2)."""


class SourceError(DRCError):
    """An image, folder, video or camera cannot be read."""


class OutputError(DRCError):
    """A result cannot be written where it was asked for."""


class BundleError(DRCError):
    """A bundle is missing, damaged, of another version, or holds what a bundle may not hold."""


class EngineError(DRCError):
    """A backend cannot run a graph, or a tensor does not have the shape and type that the graph declares."""


class MissingDependencyError(DRCError):
    """An optional package is needed; the message names the extra that brings it."""


class TrainingError(DRCError):
    """Learning cannot start, continue or be resumed."""


class VerificationError(DRCError):
    """An exported graph does not compute what the model computes; no bundle is left behind."""
