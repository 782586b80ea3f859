#pragma once

#include <string>
#include <string_view>

namespace drc::detail {

// Refuses an ONNX model that could reach outside its own bytes: external data, an operator domain other than ONNX's
// own, no graph, or bytes that are not an ONNX model at all. `name` stands in the message. What passes may still be a
// model that an engine refuses.
void check_model(std::string_view data, const std::string &name);

}  // namespace drc::detail
