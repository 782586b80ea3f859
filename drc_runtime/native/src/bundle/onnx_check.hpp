#pragma once

#include <string>
#include <string_view>

namespace drc::detail {

// Refuses an ONNX model that refers to anything outside its own bytes (external data, an operator domain other than ONNX's own),
// that has no graph, or that is not an ONNX model. `name` is for the message. An engine may still refuse a model that passes.
void check_model(std::string_view data, const std::string &name);

}  // namespace drc::detail
