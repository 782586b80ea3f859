"""The networks of the regions and the objective: Eqs. 1-13."""
