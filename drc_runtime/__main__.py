"""``python -m drc_runtime`` is ``drc``."""

from drc_runtime.cli.main import main

if __name__ == "__main__":
    main()
