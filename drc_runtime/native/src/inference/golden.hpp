// The golden check: an engine repeats two steps whose results the bundle knows. docs/bundle.md describes it, and
// drc_runtime/inference/golden.py says what it finds.
#pragma once

#include <string>

#include "bundle/manifest.hpp"
#include "engines/onnxruntime.hpp"

namespace drc::detail {

// The largest relative error in both steps; infinite if an output is not finite, 0 without golden steps. Leaves the noise at zero.
double golden_error(PosteriorStep &step, const Manifest &manifest);

// Refuses a provider that does not repeat the bundle's golden steps.
void check_golden(PosteriorStep &step, const Manifest &manifest, const std::string &provider);

}  // namespace drc::detail
