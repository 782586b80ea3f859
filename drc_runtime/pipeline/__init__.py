"""A source through the model to its outputs, with what a whole run needs: options, resume, signals, learning."""
