"""All errors that a user can cause or see.

The command line prints ``str(error)`` as one line on stderr, so a message says what is wrong and what to do.
"""


class DRCError(Exception):
    """Base class of all errors in this module. ``exit_code`` is the exit code of the command line."""

    exit_code = 1


class UsageError(DRCError):
    """Invalid arguments or an invalid combination of them (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """An invalid preset, recipe or ``--set`` value (exit code 2)."""


class SourceError(DRCError):
    """An image, folder, video or camera cannot be read."""


class OutputError(DRCError):
    """A result cannot be written."""


class BundleError(DRCError):
    """A bundle is missing, damaged, of another version, or has forbidden content."""


class EngineError(DRCError):
    """A backend cannot run a graph, or a tensor has another shape or type than the manifest says."""


class MissingDependencyError(DRCError):
    """An optional package is not installed; the message has the command that installs it."""


class TrainingError(DRCError):
    """Training cannot start, continue or resume."""


class VerificationError(DRCError):
    """An exported graph and the model disagree; no bundle is written."""
