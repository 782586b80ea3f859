"""Where frames and masks go: files, the window, the page, a virtual camera, the log."""
