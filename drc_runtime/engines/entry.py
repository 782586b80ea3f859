"""What every backend asks of a bundle before it binds a graph."""
