"""The bundle in a browser tab: a static folder with a page, the runtime in JavaScript and onnxruntime-web."""
