"""The version, in a file of its own: the build, CMake and every module read it without the package's other names."""

__version__ = "0.1.0"
