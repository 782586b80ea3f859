#include "inference/extractor.hpp"

#include <algorithm>
#include <chrono>
#include <locale>
#include <sstream>
#include <string>
#include <utility>

#include "errors.hpp"
#include "inference/golden.hpp"

using namespace drc::detail;

namespace {

constexpr int largest_side = 32767;  // OpenCV's resize counts in 16 bits
constexpr int most_steps = 1'000'000;
constexpr double longest_gap = 3600, longest_absorb = 1e9;  // seconds

using Clock = std::chrono::steady_clock;

cv::Mat view(const drc_image &image) {
    // OpenCV has no type for read-only memory
    return {image.height, image.width, CV_8UC3, const_cast<std::uint8_t *>(image.pixels), image.stride};
}

EngineOptions engine_options(const drc_extractor_params &params) {
    if (params.threads < 0) refuse_usage(std::to_string(params.threads) + " threads cannot work: give 1 or more, or 0 for all");
    return {params.threads, params.provider == nullptr ? "CPU" : params.provider};
}

Mask mask_kind(const drc_extractor_params &params) {
    if (params.mask != DRC_MASK_RESPONSIBILITY && params.mask != DRC_MASK_MIXTURE)
        refuse_usage("this kind of mask is unknown: choose DRC_MASK_RESPONSIBILITY or DRC_MASK_MIXTURE");
    return params.mask == DRC_MASK_RESPONSIBILITY ? Mask::responsibility : Mask::mixture;
}

std::unique_ptr<InitialLatent> initial_latent(const Bundle &bundle, const drc_extractor_params &params) {
    if (!bundle.manifest.initial) {
        if (params.from_noise != 0)
            refuse_usage("from_noise has no effect: the model '" + bundle.manifest.name + "' has no initialiser; leave it out");
        return nullptr;
    }
    return params.from_noise != 0 ? nullptr : std::make_unique<InitialLatent>(bundle, engine_options(params));
}

ColdChain cold_chain(const Manifest &manifest, bool is_learned) {
    if (is_learned) return {manifest.initial->steps, manifest.initial->schedule, true};
    return {manifest.cold_steps, manifest.schedule, false};
}

void check_steps(int steps) {
    if (steps < 0 || steps > most_steps)
        refuse_usage(std::to_string(steps) + " steps cannot be taken: give 1 to " + std::to_string(most_steps) +
                     ", or 0 for the bundle's number");
}

int track_steps(const drc_extractor &extractor, const drc_track_params &params) {
    check_steps(params.steps);
    return params.steps > 0 ? params.steps : extractor.manifest().track_steps;
}

int track_budget(const drc_track_params &params) {
    if (params.budget < 0 || params.budget > most_steps)
        refuse_usage("a budget of " + std::to_string(params.budget) + " steps cannot be kept: give 1 to " +
                     std::to_string(most_steps) + ", or 0 for no limit");
    return params.budget;
}

std::string shown(double value) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << value;
    return text.str();
}

Adaptation adaptation_of(const drc_track_params &params) {
    if (params.adapt < DRC_ADAPT_ALL || params.adapt > DRC_ADAPT_NOTHING)
        refuse_usage("what may adapt is unknown: choose DRC_ADAPT_ALL, DRC_ADAPT_LIGHT or DRC_ADAPT_NOTHING");
    if (params.absorb != 0 && !(params.absorb >= 1 && params.absorb <= longest_absorb))
        refuse_usage("a thing cannot be absorbed after " + shown(params.absorb) + " seconds: give 1 or more, or 0 for never");
    return {static_cast<drc_adapt>(params.adapt), params.absorb};
}

void check_image(const drc_image &image, const std::uint8_t *probability, std::size_t stride) {
    if (image.pixels == nullptr || probability == nullptr) refuse_usage("the image or the mask has no memory");
    if (image.width < 1 || image.height < 1 || image.width > largest_side || image.height > largest_side)
        refuse_usage("an image has 1 to 32767 rows and columns, not " + std::to_string(image.height) + " x " +
                     std::to_string(image.width));
    if (image.format != DRC_RGB && image.format != DRC_BGR) refuse_usage("an image's format is DRC_RGB or DRC_BGR");
    const auto width = static_cast<std::size_t>(image.width);
    if (image.stride < 3 * width || stride < width)
        refuse_usage("the stride is smaller than a row: " + std::to_string(3 * width) + " bytes of the image, " +
                     std::to_string(width) + " of the mask");
}

}  // namespace

drc_extractor::drc_extractor(const std::filesystem::path &folder, const drc_extractor_params &params)
    : drc_extractor(load_bundle(folder), params) {}

drc_extractor::drc_extractor(Bundle bundle, const drc_extractor_params &params)
    : manifest_(bundle.manifest),
      step_(bundle, engine_options(params)),
      initial_(initial_latent(bundle, params)),
      cold_(cold_chain(manifest_, initial_ != nullptr)),
      sampler_(step_, initial_.get(), params.seed),
      preprocessor_(static_cast<int>(manifest_.height), static_cast<int>(manifest_.width)),
      reader_(manifest_, mask_kind(params)) {
    const std::string provider = engine_options(params).provider;
    if (provider != "CPU") check_golden(step_, manifest_, provider);
}

template <typename Chain>
drc_result drc_extractor::run(const drc_image &image, std::uint8_t *probability, std::size_t stride, Chain chain) {
    check_image(image, probability, stride);
    const auto begun = Clock::now();
    const auto spent = [&] { return step_.time_spent() + (initial_ ? initial_->time_spent() : std::chrono::nanoseconds{}); };
    const std::chrono::nanoseconds engine = spent();
    prepare(image);
    const int steps = chain();
    drc_result result = read(image, probability, stride);
    result.steps = steps;
    result.milliseconds = std::chrono::duration<float, std::milli>(Clock::now() - begun).count();
    result.engine_milliseconds = std::chrono::duration<float, std::milli>(spent() - engine).count();
    return result;
}

drc_result drc_extractor::extract(const drc_image &image, int steps, std::uint8_t *probability, std::size_t stride) {
    if (manifest_.given_background)
        refuse_usage("the model '" + manifest_.name + "' is for the video of a fixed camera, whose background it learns while it " +
                     "runs; for a picture alone take another model");
    return trial(image, steps, probability, stride);
}

drc_result drc_extractor::trial(const drc_image &image, int steps, std::uint8_t *probability, std::size_t stride) {
    check_steps(steps);
    return run(image, probability, stride, [&] {
        const int count = steps > 0 ? steps : cold_.steps;
        sampler_.begin(z_);
        sampler_.run(z_, count, {cold_.schedule, 0, count});
        return count;
    });
}

void drc_extractor::prepare(const drc_image &image) {
    std::vector<float> &tensor = step_.buffers().image;
    preprocessor_.scale(view(image));
    preprocessor_.to_tensor(image.format == DRC_BGR, tensor.data());
    const std::size_t row = tensor.size() / step_.batch();
    for (std::size_t index = 1; index < step_.batch(); ++index)
        std::copy_n(tensor.begin(), row, tensor.begin() + static_cast<std::ptrdiff_t>(index * row));
}

drc_result drc_extractor::read(const drc_image &image, std::uint8_t *probability, std::size_t stride) {
    const Buffers &buffers = step_.buffers();
    cv::Mat mask(image.height, image.width, CV_8U, probability, stride);
    const std::int64_t foreground = reader_.read(buffers, preprocessor_, image.format == DRC_BGR, mask);
    drc_result result{};
    result.log_posterior = buffers.log_posterior.front();
    result.foreground_share = static_cast<double>(foreground) / static_cast<double>(mask.total());
    return result;
}

drc_track::drc_track(drc_extractor &extractor, const drc_track_params &params)
    : extractor_(extractor),
      tracker_(extractor.posterior(), extractor.cold(), track_steps(extractor, params), track_budget(params)) {
    const Adaptation adaptation = adaptation_of(params);
    if (extractor.manifest().given_background) camera_.emplace(extractor.engine(), extractor.manifest(), adaptation);
}

drc_result drc_track::step(const drc_image &image, double seconds, std::uint8_t *probability, std::size_t stride) {
    if (!(seconds >= 0 && seconds <= longest_gap))
        refuse_usage("a frame cannot come " + shown(seconds) + " seconds after the one before: give 0 to " + shown(longest_gap));
    return extractor_.run(image, probability, stride, [&] {
        if (!camera_) return tracker_.follow();
        camera_->give(seconds);
        const int steps = tracker_.follow();
        camera_->learn(seconds);
        return steps;
    });
}

const char *drc_track::take_notice() {
    notice_ = camera_ ? camera_->take_notice() : "";
    return notice_.empty() ? nullptr : notice_.c_str();
}
