// Samples of the learned prior (Fig. S20), as drc_runtime/inference/prior.py: the type behind the opaque handle drc_prior.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <drc/drc.h>

#include "bundle/bundle.hpp"
#include "engines/onnxruntime.hpp"
#include "inference/noise.hpp"

struct drc_prior {
    drc_prior(const std::filesystem::path &folder, const drc_prior_params &params);

    const drc::detail::Manifest &manifest() const { return manifest_; }

    // Each chain starts from N(0, I) and has noise of temperature 1 (Eq. 13 without an image).
    void draw(const drc_prior_sample &sample);

private:
    drc_prior(const drc::detail::Bundle &bundle, const drc_prior_params &params);
    void run_chains();

    drc::detail::Manifest manifest_;
    int steps_;
    drc::detail::NormalNoise noise_;
    drc::detail::Graph generators_;
    std::optional<drc::detail::Graph> chain_;  // without steps there is none
    std::size_t batch_, row_;                  // samples of a run, and how many of them were taken
};
