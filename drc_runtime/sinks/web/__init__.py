"""The live page of a run (``--serve``): needs the extra ``drc[web]``, loaded only where it is asked for."""
