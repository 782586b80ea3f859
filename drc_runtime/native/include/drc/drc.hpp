// The C++17 interface over drc.h: RAII handles, and exceptions instead of statuses.
//
//     drc::Extractor extractor("bundle");
//     drc::Track track(extractor);
//     std::vector<std::uint8_t> mask(720 * 1280);
//     drc_result result = track.step({pixels, 1280, 720, 3 * 1280, DRC_BGR}, {mask.data(), mask.size()});
#ifndef DRC_DRC_HPP
#define DRC_DRC_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <drc/drc.h>

namespace drc {

// The message of a failed call; status() is its kind.
class Error : public std::runtime_error {
public:
    explicit Error(drc_status status) : std::runtime_error(drc_last_error()), status_(status) {}
    drc_status status() const noexcept { return status_; }

private:
    drc_status status_;
};

// The memory that a mask is written to, rows without gaps.
struct MaskView {
    std::uint8_t *data;
    std::size_t size;
};

namespace detail {

inline void require(drc_status status) {
    if (status != DRC_OK) throw Error(status);
}

// Checks the length of the caller's buffer, which the C functions do not know.
inline std::size_t stride_of(const drc_image &image, MaskView mask) {
    const auto width = static_cast<std::size_t>(image.width > 0 ? image.width : 0);
    const auto height = static_cast<std::size_t>(image.height > 0 ? image.height : 0);
    if (mask.size < width * height) throw std::invalid_argument("the mask's buffer is smaller than the image");
    return width;
}

struct Close {
    void operator()(drc_extractor *it) const noexcept { drc_extractor_close(it); }
    void operator()(drc_track *it) const noexcept { drc_track_close(it); }
    void operator()(drc_prior *it) const noexcept { drc_prior_close(it); }
};

}  // namespace detail

// A loaded bundle.
class Extractor {
public:
    explicit Extractor(const std::string &bundle, drc_extractor_params params = drc_extractor_default_params()) {
        drc_extractor *opened = nullptr;
        detail::require(drc_extractor_open(bundle.c_str(), &params, &opened));
        handle_.reset(opened);
    }

    // One image, starting from noise; steps 0 takes the bundle's cold_steps.
    drc_result extract(const drc_image &image, MaskView mask, int steps = 0) {
        drc_result result{};
        detail::require(
            drc_extract(handle_.get(), &image, steps, mask.data, detail::stride_of(image, mask), &result));
        return result;
    }

    // Measures how many steps fit at `rate` frames a second on this machine.
    drc_calibration calibrate(const drc_image &image, double rate) {
        drc_calibration calibration{};
        detail::require(drc_calibrate(handle_.get(), &image, rate, &calibration));
        return calibration;
    }

    drc_bundle_info info() const {
        drc_bundle_info info{};
        detail::require(drc_extractor_info(handle_.get(), &info));
        return info;
    }

    // Whether the model is for the video of any fixed camera: only tracks can use it.
    bool is_for_fixed_camera() const noexcept { return drc_extractor_is_for_fixed_camera(handle_.get()) != 0; }

    drc_extractor *handle() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<drc_extractor, detail::Close> handle_;
};

// The state of one video; its extractor must outlive it.
class Track {
public:
    explicit Track(Extractor &extractor, drc_track_params params = drc_track_default_params()) {
        drc_track *opened = nullptr;
        detail::require(drc_track_open(extractor.handle(), &params, &opened));
        handle_.reset(opened);
    }

    // seconds: since the frame before, for the state of a fixed camera.
    drc_result step(const drc_image &image, MaskView mask, double seconds = DRC_FRAME_SECONDS) {
        drc_result result{};
        detail::require(
            drc_track_step_after(handle_.get(), &image, seconds, mask.data, detail::stride_of(image, mask), &result));
        return result;
    }

    // The lines on what happened to a fixed camera since the last call.
    std::vector<std::string> take_notices() {
        std::vector<std::string> lines;
        while (const char *line = drc_track_take_notice(handle_.get())) lines.emplace_back(line);
        return lines;
    }

    // Number of chains that were started from noise after the first.
    int restarts() const noexcept { return drc_track_restarts(handle_.get()); }

private:
    std::unique_ptr<drc_track, detail::Close> handle_;
};

// Samples of a bundle's prior.
class Prior {
public:
    explicit Prior(const std::string &bundle, drc_prior_params params = drc_prior_default_params()) {
        drc_prior *opened = nullptr;
        detail::require(drc_prior_open(bundle.c_str(), &params, &opened));
        handle_.reset(opened);
    }

    // The sizes of the parts follow from info().
    void draw(const drc_prior_sample &sample) { detail::require(drc_prior_draw(handle_.get(), &sample)); }

    drc_bundle_info info() const {
        drc_bundle_info info{};
        detail::require(drc_prior_info(handle_.get(), &info));
        return info;
    }

private:
    std::unique_ptr<drc_prior, detail::Close> handle_;
};

}  // namespace drc

#endif
