"""A traced step that the compiler has turned into machine code, as a file that another process loads in seconds.

The file is PyTorch's own (``torch._inductor.CompiledArtifact``) and may run any code: it is read only from a folder that this
user alone can write, see ``drc_train.learner.compiler_cache``.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch.fx import GraphModule
from torch.fx.graph import CodeGen
from torch.utils._pytree import tree_leaves

from drc_train.sampling.sampler import Step


@torch.no_grad()
def save_compiled(graph: GraphModule, example: tuple[Any, ...], path: Path) -> None:
    """Compiles a traced step and writes it; the file appears when it is complete.

    Args:
        graph: of parameters and tensors, see ``drc_train.sampling.tracing.trace_step``. It is changed.
        example: inputs of the shapes that it is for.
        path: of the file. The kernels go to ``TORCHINDUCTOR_CACHE_DIR``, which has to be the same when it is loaded.
    """
    from torch import _inductor

    graph.graph.set_codegen(CodeGen())  # the compiler takes a list of tensors, and no dictionary among the inputs
    graph.recompile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler warns about its own internals
        compiled = _inductor.standalone_compile(graph, tree_leaves(example), dynamic_shapes="from_example_inputs")
        compiled.save(path=str(path), format="binary")


def probe_is_needless() -> bool:
    """Whether the compiler chooses the same vector instructions if it believes the processor's list without trying them.

    Trying takes processes of their own, which import PyTorch: seconds each time that a step is loaded.
    """
    from torch._inductor import config, cpu_vec_isa

    chosen = []
    for believed in (None, True):
        cpu_vec_isa.valid_vec_isa_list.cache_clear()
        with config.patch({"cpp.vec_isa_ok": believed}):
            chosen.append(str(cpu_vec_isa.pick_vec_isa()))
    cpu_vec_isa.valid_vec_isa_list.cache_clear()
    return chosen[0] == chosen[1]


@torch.no_grad()
def load_compiled(path: Path, example: tuple[Any, ...], probe: bool) -> Step:
    """Loads what ``save_compiled`` wrote and runs it once, so that errors of the file occur here.

    Args:
        path: of the file.
        example: inputs of the shapes that it is for.
        probe: whether vector instructions have to be tried, see ``probe_is_needless``.
    """
    from torch._inductor import config
    from torch._inductor.standalone_compile import CompiledArtifact

    believed = config.cpp.vec_isa_ok if probe else True
    with warnings.catch_warnings(), config.patch({"cpp.vec_isa_ok": believed}):
        warnings.simplefilter("ignore")
        compiled = CompiledArtifact.load(path=str(path), format="binary")

    def step(*inputs: Any) -> tuple[Any, ...]:
        return tuple(compiled(*tree_leaves(inputs)))

    step(*example)
    return step
