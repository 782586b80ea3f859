"""Rewrites of a traced step before it is compiled for training."""

import torch
from torch.fx import GraphModule, Node

aten = torch.ops.aten


def channels_last(graph: GraphModule) -> GraphModule:
    """Passes each kernel larger than 1x1 in channels-last order; input and output of its convolution follow.

    CPUs and tensor cores convolve faster in that order (measured in benchmarks/README.md). A 1x1 convolution is a matrix
    product in either order, and the operators around it are faster in the usual one. Changes ``graph`` itself and returns it.
    """
    for node in _convolutions(graph):
        kernel = node.args[1]
        if not isinstance(kernel, Node) or tuple(kernel.meta["tensor_meta"].shape[2:]) == (1, 1):
            continue
        with graph.graph.inserting_before(node):
            reordered = graph.graph.call_function(aten.clone.default, (kernel,), {"memory_format": torch.channels_last})
        node.update_arg(1, reordered)
    for node in graph.graph.nodes:
        if node.target is aten.view.default:  # traced in the usual order, in which no copy was needed
            node.target = aten.reshape.default
    graph.recompile()
    return graph


def low_precision_convolutions(graph: GraphModule, dtype: torch.dtype) -> GraphModule:
    """Computes the convolutions in ``dtype``, everything else in float32. Changes ``graph`` itself and returns it."""
    for node in _convolutions(graph):
        with graph.graph.inserting_before(node):
            for place in range(3):
                tensor = node.args[place]
                if isinstance(tensor, Node):
                    lowered = graph.graph.call_function(aten._to_copy.default, (tensor,), {"dtype": dtype})
                    node.update_arg(place, lowered)
        with graph.graph.inserting_after(node):
            raised = graph.graph.call_function(aten._to_copy.default, (node,), {"dtype": torch.float32})
        node.replace_all_uses_with(raised)
        raised.update_arg(0, node)
    graph.recompile()
    return graph


def _convolutions(graph: GraphModule) -> list[Node]:
    return [node for node in graph.graph.nodes if node.target is aten.convolution.default]
