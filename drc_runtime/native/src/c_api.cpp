// The C functions: every exception ends here, as a status and a message.
#include <drc/drc.h>

#include <new>
#include <string>

#include <opencv2/core.hpp>

#include "error.hpp"
#include "extractor.hpp"

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
        // OpenCV's own kind of bad_alloc
        if (error.code == cv::Error::StsNoMem) return fail(DRC_ERROR_MEMORY, "out of memory; use a smaller picture");
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

}  // namespace

extern "C" {

const char *drc_version(void) { return DRC_VERSION_STRING; }

const char *drc_last_error(void) { return last_error.c_str(); }

drc_extractor_params drc_extractor_default_params(void) { return {0, DRC_MASK_RESPONSIBILITY, 0, nullptr}; }

drc_status drc_extractor_open(const char *bundle, const drc_extractor_params *params, drc_extractor **extractor) {
    return guard([&] {
        require(extractor, "extractor");
        *extractor = nullptr;
        require(bundle, "bundle");
        *extractor = new drc_extractor(bundle, params == nullptr ? drc_extractor_default_params() : *params);
    });
}

void drc_extractor_close(drc_extractor *extractor) { delete extractor; }

drc_status drc_extractor_info(const drc_extractor *extractor, drc_bundle_info *info) {
    return guard([&] {
        require(extractor, "extractor");
        require(info, "info");
        const auto &manifest = extractor->manifest();
        *info = {manifest.name.c_str(),
                 static_cast<int32_t>(manifest.height),
                 static_cast<int32_t>(manifest.width),
                 static_cast<int32_t>(manifest.latent),
                 manifest.cold_steps,
                 manifest.track_steps};
    });
}

drc_status drc_extract(drc_extractor *extractor, const drc_picture *picture, int32_t steps, uint8_t *probability,
                       size_t stride, drc_result *result) {
    return guard([&] {
        require(extractor, "extractor");
        require(picture, "picture");
        const drc_result found = extractor->extract(*picture, steps, probability, stride);
        if (result != nullptr) *result = found;
    });
}

drc_status drc_track_open(drc_extractor *extractor, int32_t steps, drc_track **track) {
    return guard([&] {
        require(track, "track");
        *track = nullptr;
        require(extractor, "extractor");
        *track = new drc_track(*extractor, steps);
    });
}

drc_status drc_track_step(drc_track *track, const drc_picture *picture, uint8_t *probability, size_t stride,
                          drc_result *result) {
    return guard([&] {
        require(track, "track");
        require(picture, "picture");
        const drc_result found = track->step(*picture, probability, stride);
        if (result != nullptr) *result = found;
    });
}

void drc_track_close(drc_track *track) { delete track; }

}  // extern "C"
