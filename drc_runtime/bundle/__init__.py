"""What a bundle is: a folder of graphs, its manifest, and the checks before anything of it is used."""
