// The C functions. They turn every exception into a status and a message.
#include <drc/drc.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>

#include <opencv2/core.hpp>

#include "errors.hpp"
#include "inference/calibration.hpp"
#include "inference/extractor.hpp"
#include "inference/prior.hpp"

namespace {

using drc::detail::Failure;
using drc::detail::refuse_usage;

thread_local std::string last_error;

drc_status fail(drc_status status, const char *message) noexcept {
    try {
        last_error = message;
    } catch (...) {
        last_error.clear();
    }
    return status;
}

template <typename Function>
drc_status guard(Function function) noexcept {
    try {
        function();
        return DRC_OK;
    } catch (const Failure &failure) {
        return fail(failure.status, failure.what());
    } catch (const std::bad_alloc &) {
        return fail(DRC_ERROR_MEMORY, "out of memory; close other programs or use a smaller model");
    } catch (const cv::Exception &error) {
        // OpenCV's equivalent of bad_alloc
        if (error.code == cv::Error::StsNoMem) return fail(DRC_ERROR_MEMORY, "out of memory; use a smaller image");
        return fail(DRC_ERROR_ENGINE, error.err.c_str());
    } catch (const std::exception &error) {
        return fail(DRC_ERROR_ENGINE, error.what());
    } catch (...) {
        return fail(DRC_ERROR_ENGINE, "an unknown error inside of ONNX Runtime or OpenCV");
    }
}

void require(const void *pointer, const char *what) {
    if (pointer == nullptr) refuse_usage(std::string(what) + " is NULL");
}

// Sizes of the structs' first version. Later fields are added at the end.
constexpr std::size_t first_extractor_params = offsetof(drc_extractor_params, provider) + sizeof(const char *);
constexpr std::size_t first_track_params = offsetof(drc_track_params, budget) + sizeof(int32_t);
constexpr std::size_t first_prior_params = offsetof(drc_prior_params, provider) + sizeof(const char *);
constexpr std::size_t largest_params = 4096;  // a larger size was never initialised

// Copies the parameters that this library knows. A program built with an earlier header has fewer: the rest keep their defaults.
// A program built with a later header has more: it is refused if it sets any of them, which would be ignored here.
template <typename Params>
Params known(const Params *given, Params params, std::size_t first_version) {
    if (given == nullptr) return params;
    const std::size_t size = given->struct_size;
    if (size < first_version || size > largest_params)
        refuse_usage("the parameters' struct_size is " + std::to_string(size) + "; let the default function of drc.h make them");
    const auto *bytes = reinterpret_cast<const unsigned char *>(given);
    for (std::size_t i = sizeof(Params); i < size; ++i)
        if (bytes[i] != 0)
            refuse_usage("the program sets parameters that libdrc " DRC_VERSION_STRING " does not know; install a later one");
    std::memcpy(&params, given, std::min(sizeof(Params), size));
    return params;
}

drc_bundle_info info_of(const drc::detail::Manifest &manifest, int cold_steps) {
    return {manifest.name.c_str(),
            static_cast<int32_t>(manifest.height),
            static_cast<int32_t>(manifest.width),
            static_cast<int32_t>(manifest.latent),
            cold_steps,
            manifest.track_steps};
}

}  // namespace

extern "C" {

const char *drc_version(void) { return DRC_VERSION_STRING; }

const char *drc_last_error(void) { return last_error.c_str(); }

drc_status drc_extractor_open(const char *bundle, const drc_extractor_params *params, drc_extractor **extractor) {
    return guard([&] {
        require(extractor, "extractor");
        *extractor = nullptr;
        require(bundle, "bundle");
        *extractor = new drc_extractor(bundle, known(params, drc_extractor_default_params(), first_extractor_params));
    });
}

void drc_extractor_close(drc_extractor *extractor) { delete extractor; }

drc_status drc_extractor_info(const drc_extractor *extractor, drc_bundle_info *info) {
    return guard([&] {
        require(extractor, "extractor");
        require(info, "info");
        *info = info_of(extractor->manifest(), extractor->cold().steps);
    });
}

int32_t drc_extractor_is_for_fixed_camera(const drc_extractor *extractor) {
    return extractor != nullptr && extractor->manifest().given_background ? 1 : 0;
}

drc_status drc_extract(drc_extractor *extractor, const drc_image *image, int32_t steps, uint8_t *probability,
                       size_t stride, drc_result *result) {
    return guard([&] {
        require(extractor, "extractor");
        require(image, "image");
        const drc_result found = extractor->extract(*image, steps, probability, stride);
        if (result != nullptr) *result = found;
    });
}

drc_status drc_calibrate(drc_extractor *extractor, const drc_image *image, double rate, drc_calibration *calibration) {
    return guard([&] {
        require(extractor, "extractor");
        require(image, "image");
        require(calibration, "calibration");
        *calibration = drc::detail::calibrate(*extractor, *image, rate);
    });
}

drc_status drc_track_open(drc_extractor *extractor, const drc_track_params *params, drc_track **track) {
    return guard([&] {
        require(track, "track");
        *track = nullptr;
        require(extractor, "extractor");
        *track = new drc_track(*extractor, known(params, drc_track_default_params(), first_track_params));
    });
}

drc_status drc_track_step(drc_track *track, const drc_image *image, uint8_t *probability, size_t stride,
                          drc_result *result) {
    return drc_track_step_after(track, image, DRC_FRAME_SECONDS, probability, stride, result);
}

drc_status drc_track_step_after(drc_track *track, const drc_image *image, double seconds, uint8_t *probability,
                                size_t stride, drc_result *result) {
    return guard([&] {
        require(track, "track");
        require(image, "image");
        const drc_result found = track->step(*image, seconds, probability, stride);
        if (result != nullptr) *result = found;
    });
}

int32_t drc_track_restarts(const drc_track *track) { return track == nullptr ? 0 : track->restarts(); }

const char *drc_track_take_notice(drc_track *track) {
    const char *line = nullptr;
    if (track != nullptr) guard([&] { line = track->take_notice(); });
    return line;
}

void drc_track_close(drc_track *track) { delete track; }

drc_status drc_prior_open(const char *bundle, const drc_prior_params *params, drc_prior **prior) {
    return guard([&] {
        require(prior, "prior");
        *prior = nullptr;
        require(bundle, "bundle");
        *prior = new drc_prior(bundle, known(params, drc_prior_default_params(), first_prior_params));
    });
}

drc_status drc_prior_info(const drc_prior *prior, drc_bundle_info *info) {
    return guard([&] {
        require(prior, "prior");
        require(info, "info");
        *info = info_of(prior->manifest(), prior->manifest().cold_steps);
    });
}

drc_status drc_prior_draw(drc_prior *prior, const drc_prior_sample *sample) {
    return guard([&] {
        require(prior, "prior");
        require(sample, "sample");
        prior->draw(*sample);
    });
}

void drc_prior_close(drc_prior *prior) { delete prior; }

}  // extern "C"
