"""EM: persistent chains, E-step, M-step, and what keeps them stable and distributed."""
