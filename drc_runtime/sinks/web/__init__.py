"""The live page of a run (``--serve``). It needs the extra ``web``; nothing here is imported without ``--serve``."""
