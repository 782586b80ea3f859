// Outputs are checked before the first frame is read, so that no file of the user is lost. Each file appears complete or not at all.
#pragma once

#include <memory>
#include <vector>

#include "cli/options.hpp"
#include "frames.hpp"

namespace live {

// Refuses outputs that do not fit the source, that would replace an input, or that exist already.
void check_outputs(const Source &source, const Options &options);

std::vector<std::unique_ptr<Sink>> open_sinks(const Source &source, const Options &options);

}  // namespace live
