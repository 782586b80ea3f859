"""Where frames come from: images, folders, videos, cameras, streams, standard input."""
