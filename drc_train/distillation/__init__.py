"""A student for a run: its teachers, their judge, and its lessons."""
