"""The networks of the regions and what is maximised: Eqs. 1-13."""
