// Images in, foreground probabilities out: what the opaque handles of drc.h stand for.
#pragma once

#include <cstdint>
#include <vector>

#include <drc/drc.h>

#include "bundle.hpp"
#include "engine.hpp"
#include "mask.hpp"
#include "preprocess.hpp"
#include "sampler.hpp"
#include "tracking.hpp"

struct drc_extractor {
    drc_extractor(const std::filesystem::path &folder, const drc_extractor_params &params);

    const drc::detail::Manifest &manifest() const { return manifest_; }
    drc::detail::Posterior &posterior() { return sampler_; }

    // From noise; `steps` 0 takes the bundle's number.
    drc_result extract(const drc_image &image, int steps, std::uint8_t *probability, std::size_t stride);

    // The mask of `image` after `follow` has moved the posterior's chain, in the number of steps that it returns.
    template <typename Follow>
    drc_result run(const drc_image &image, std::uint8_t *probability, std::size_t stride, Follow follow);

private:
    drc_extractor(drc::detail::Bundle bundle, const drc_extractor_params &params);
    void prepare(const drc_image &image);
    drc_result read(const drc_image &image, std::uint8_t *probability, std::size_t stride);

    drc::detail::Manifest manifest_;
    bool evidence_;
    drc::detail::PosteriorStep step_;
    drc::detail::Sampler sampler_;
    drc::detail::Preprocessor preprocessor_;
    drc::detail::MaskReader masks_;
    std::vector<float> z_;  // of extract
};

struct drc_track {
    drc_track(drc_extractor &extractor, const drc_track_params &params);

    drc_result step(const drc_image &image, std::uint8_t *probability, std::size_t stride);
    int restarts() const { return tracker_.restarts(); }

private:
    drc_extractor &extractor_;
    drc::detail::Tracker tracker_;
};

namespace drc::detail {

drc_calibration calibrate(drc_extractor &extractor, const drc_image &image, double rate);

}  // namespace drc::detail
