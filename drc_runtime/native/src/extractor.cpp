#include "extractor.hpp"

#include <algorithm>
#include <utility>

#include "error.hpp"

using namespace drc::detail;

namespace {

constexpr int largest_side = 32767;  // OpenCV's resize computes with 16 bits

EngineOptions engine_options(const drc_extractor_params &params) {
    if (params.threads < 0) refuse_usage(std::to_string(params.threads) + " threads cannot work: give 1 or more, or 0 for all");
    return {params.threads, params.provider == nullptr ? "CPU" : params.provider};
}

bool wants_evidence(const drc_extractor_params &params) {
    if (params.mask != DRC_MASK_RESPONSIBILITY && params.mask != DRC_MASK_MIXTURE)
        refuse_usage("no such kind of mask: choose DRC_MASK_RESPONSIBILITY or DRC_MASK_MIXTURE");
    return params.mask == DRC_MASK_RESPONSIBILITY;
}

void check_steps(int steps) {
    if (steps < 0) refuse_usage(std::to_string(steps) + " steps cannot be taken: give 1 or more, or 0 for the bundle's number");
}

void check_picture(const drc_picture &picture, const std::uint8_t *probability, std::size_t stride) {
    if (picture.pixels == nullptr || probability == nullptr) refuse_usage("the picture or the mask has no memory");
    if (picture.width < 1 || picture.height < 1 || picture.width > largest_side || picture.height > largest_side)
        refuse_usage("a picture has 1 to 32767 rows and columns, not " + std::to_string(picture.height) + " x " +
                     std::to_string(picture.width));
    if (picture.format != DRC_RGB && picture.format != DRC_BGR) refuse_usage("a picture's format is DRC_RGB or DRC_BGR");
    const auto width = static_cast<std::size_t>(picture.width);
    if (picture.stride < 3 * width || stride < width)
        refuse_usage("the stride is smaller than a row: " + std::to_string(3 * width) + " bytes of the picture, " +
                     std::to_string(width) + " of the mask");
}

}  // namespace

drc_extractor::drc_extractor(const std::filesystem::path &folder, const drc_extractor_params &params)
    : drc_extractor(load_bundle(folder), params) {}

drc_extractor::drc_extractor(Bundle bundle, const drc_extractor_params &params)
    : manifest_(bundle.manifest),
      evidence_(wants_evidence(params)),
      step_(bundle, engine_options(params)),
      sampler_(step_, params.seed),
      preprocessor_(static_cast<int>(manifest_.height), static_cast<int>(manifest_.width)),
      masks_(static_cast<int>(manifest_.height), static_cast<int>(manifest_.width), manifest_.sigma,
             manifest_.foreground_spread) {}

drc_result drc_extractor::extract(const drc_picture &picture, int steps, std::uint8_t *probability, std::size_t stride) {
    check_steps(steps);
    check_picture(picture, probability, stride);  // before a draw is spent
    draw(z_);
    return step(picture, z_, steps > 0 ? steps : manifest_.cold_steps, probability, stride);
}

drc_result drc_extractor::step(const drc_picture &picture, std::vector<float> &z, int steps, std::uint8_t *probability,
                               std::size_t stride) {
    check_picture(picture, probability, stride);
    const bool bgr = picture.format == DRC_BGR;
    // OpenCV has no type for memory that is only read
    const cv::Mat pixels(picture.height, picture.width, CV_8UC3, const_cast<std::uint8_t *>(picture.pixels), picture.stride);
    Buffers &buffers = step_.buffers();
    preprocessor_.to_tensor(pixels, bgr, buffers.image.data());
    const std::size_t one = buffers.image.size() / step_.batch();
    for (std::size_t copy = 1; copy < step_.batch(); ++copy)
        std::copy_n(buffers.image.begin(), one, buffers.image.begin() + static_cast<std::ptrdiff_t>(copy * one));
    sampler_.run(z, steps);
    cv::Mat result(picture.height, picture.width, CV_8U, probability, stride);
    const std::int64_t foreground = masks_.read(buffers, pixels, bgr, evidence_, result);
    return {buffers.log_posterior[0], steps, static_cast<double>(foreground) / static_cast<double>(result.total())};
}

drc_track::drc_track(drc_extractor &extractor, int steps)
    : extractor_(extractor), steps_(steps > 0 ? steps : extractor.manifest().track_steps) {
    check_steps(steps);
}

drc_result drc_track::step(const drc_picture &picture, std::uint8_t *probability, std::size_t stride) {
    check_picture(picture, probability, stride);
    if (started_) {
        next_ = z_;
    } else {
        extractor_.draw(next_);
        z_ = next_;  // the memory that the second frame would have to ask for
    }
    const int steps = started_ ? steps_ : std::max(extractor_.manifest().cold_steps, steps_);
    const drc_result result = extractor_.step(picture, next_, steps, probability, stride);
    std::swap(z_, next_);  // a frame that failed leaves the track where it was
    started_ = true;
    return result;
}
