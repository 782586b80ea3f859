// Pictures in, foreground probabilities out: what the opaque handles of drc.h stand for.
#pragma once

#include <cstdint>
#include <vector>

#include <drc/drc.h>

#include "bundle.hpp"
#include "engine.hpp"
#include "mask.hpp"
#include "preprocess.hpp"
#include "sampler.hpp"

struct drc_extractor {
    drc_extractor(const std::filesystem::path &folder, const drc_extractor_params &params);

    const drc::detail::Manifest &manifest() const { return manifest_; }

    // From noise; `steps` 0 takes the bundle's number.
    drc_result extract(const drc_picture &picture, int steps, std::uint8_t *probability, std::size_t stride);

    // Draws a latent for a cold start.
    void draw(std::vector<float> &z) { sampler_.draw(z); }

    // `steps` steps from z, which is left where the chain ended.
    drc_result step(const drc_picture &picture, std::vector<float> &z, int steps, std::uint8_t *probability,
                    std::size_t stride);

private:
    drc_extractor(drc::detail::Bundle bundle, const drc_extractor_params &params);

    drc::detail::Manifest manifest_;
    bool evidence_;
    drc::detail::PosteriorStep step_;
    drc::detail::Sampler sampler_;
    drc::detail::Preprocessor preprocessor_;
    drc::detail::MaskReader masks_;
    std::vector<float> z_;  // of extract
};

struct drc_track {
    drc_track(drc_extractor &extractor, int steps);
    drc_result step(const drc_picture &picture, std::uint8_t *probability, std::size_t stride);

private:
    drc_extractor &extractor_;
    int steps_;
    bool started_ = false;
    std::vector<float> z_, next_;
};
