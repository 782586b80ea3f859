// Images in, foreground probabilities out: the types behind the opaque handles of drc.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drc/drc.h>

#include "bundle/bundle.hpp"
#include "engines/onnxruntime.hpp"
#include "inference/camera_track.hpp"
#include "inference/langevin.hpp"
#include "inference/mask.hpp"
#include "inference/tracking.hpp"
#include "preprocess.hpp"

struct drc_extractor {
    drc_extractor(const std::filesystem::path &folder, const drc_extractor_params &params);

    const drc::detail::Manifest &manifest() const { return manifest_; }
    drc::detail::Posterior &posterior() { return sampler_; }
    drc::detail::PosteriorStep &engine() { return step_; }

    // The chains that have no frame before them: at the initialiser's latent if there is one, else at noise.
    const drc::detail::ColdChain &cold() const { return cold_; }

    // Starts cold; `steps` 0 takes the bundle's number.
    drc_result extract(const drc_image &image, int steps, std::uint8_t *probability, std::size_t stride);

    // The same, also with a model of any fixed camera, for which only the time that it takes has a meaning.
    drc_result trial(const drc_image &image, int steps, std::uint8_t *probability, std::size_t stride);

    // Runs `chain`, which moves the posterior's chain for `image` and returns the number of its steps, then reads the mask.
    template <typename Chain>
    drc_result run(const drc_image &image, std::uint8_t *probability, std::size_t stride, Chain chain);

private:
    drc_extractor(drc::detail::Bundle bundle, const drc_extractor_params &params);
    void prepare(const drc_image &image);
    drc_result read(const drc_image &image, std::uint8_t *probability, std::size_t stride);

    drc::detail::Manifest manifest_;
    drc::detail::PosteriorStep step_;
    std::unique_ptr<drc::detail::InitialLatent> initial_;
    drc::detail::ColdChain cold_;
    drc::detail::LangevinSampler sampler_;
    drc::detail::Preprocessor preprocessor_;
    drc::detail::MaskReader reader_;
    std::vector<float> z_;  // the latent of extract
};

struct drc_track {
    drc_track(drc_extractor &extractor, const drc_track_params &params);

    // seconds: since the frame before; only a model of any fixed camera has a use for it.
    drc_result step(const drc_image &image, double seconds, std::uint8_t *probability, std::size_t stride);
    int restarts() const { return tracker_.restarts(); }

    // The oldest line on what happened to the camera that was not taken yet, valid until the next call; nullptr: none.
    const char *take_notice();

private:
    drc_extractor &extractor_;
    drc::detail::Tracker tracker_;
    std::optional<drc::detail::CameraTrack> camera_;  // with a model of any fixed camera
    std::string notice_;
};
