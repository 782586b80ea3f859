#include "pipeline/run.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drc/drc.hpp>

#include "errors.hpp"
#include "frames.hpp"
#include "model_choice.hpp"
#include "pipeline/report.hpp"
#include "pipeline/signals.hpp"
#include "sinks/open.hpp"
#include "sinks/window.hpp"
#include "sources/open.hpp"
#include "views/compose.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int most_errors = 10;  // a live run ends after this many failed frames in a row
constexpr std::size_t failures_kept = 100;
constexpr double longest_gap = 1;  // seconds: what a camera's state has not seen for longer, it does not count as seen

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

drc_extractor_params parameters(const Options &options) {
    drc_extractor_params params = drc_extractor_default_params();
    params.threads = options.threads;
    params.mask = options.mixture ? DRC_MASK_MIXTURE : DRC_MASK_RESPONSIBILITY;
    params.seed = options.seed;
    params.from_noise = options.from_noise ? 1 : 0;
    params.provider = options.provider.c_str();
    return params;
}

// Extracts masks: videos and live sources are tracked, each image starts from noise.
class FrameExtractor {
public:
    FrameExtractor(drc::Extractor &extractor, Source &source, const Options &options)
        : extractor_(extractor), source_(source), options_(options) {}

    drc_result step(const Frame &frame, cv::Mat &probability) {
        const cv::Mat &image = frame.image;
        probability.create(image.size(), CV_8U);
        const drc_image view{image.data, image.cols, image.rows, image.step, DRC_BGR};
        const drc::MaskView mask{probability.data, probability.total()};
        if (source_.is_still()) return extractor_.extract(view, mask, options_.steps);
        if (!track_) track_ = std::make_unique<drc::Track>(extractor_, chosen(view));
        const double elapsed = last_ ? frame.seconds - *last_ : DRC_FRAME_SECONDS;
        last_ = frame.seconds;
        const drc_result result = track_->step(view, mask, std::clamp(elapsed, 0.0, longest_gap));
        for (const std::string &line : track_->take_notices()) std::fprintf(stderr, "drc-live: %s\n", line.c_str());
        return result;
    }

private:
    // Chooses the steps with the first frame, because its size decides what a frame costs.
    drc_track_params chosen(const drc_image &first) {
        drc_track_params params = drc_track_default_params();
        params.steps = options_.steps;
        if (options_.adapt == "light") params.adapt = DRC_ADAPT_LIGHT;
        if (options_.adapt == "nothing") params.adapt = DRC_ADAPT_NOTHING;
        params.absorb = options_.absorb.value_or(params.absorb);
        const double rate = options_.fps > 0 ? options_.fps : source_.live ? source_.measured_rate() : 0;
        if (rate <= 0) return params;
        const drc_calibration fits = extractor_.calibrate(first, rate);
        if (params.steps == 0) params.steps = fits.steps;
        params.budget = std::max(params.steps, fits.budget);
        std::fprintf(stderr, "drc-live: %d steps a frame, of %d that fit %.3g frames/s on this machine\n", params.steps, fits.budget, rate);
        return params;
    }

    drc::Extractor &extractor_;
    Source &source_;
    const Options &options_;
    std::unique_ptr<drc::Track> track_;
    std::optional<double> last_;  // the time of the frame before
};

// Continues a live run after frames on which the network fails, and reports them.
class Tolerance {
public:
    Tolerance(bool live, Report &report) : live_(live), report_(report) {}

    std::optional<drc_result> step(FrameExtractor &extractor, const Frame &frame, cv::Mat &probability) {
        try {
            const drc_result result = extractor.step(frame, probability);
            in_a_row_ = 0;
            return result;
        } catch (const drc::Error &error) {
            if (!live_ || error.status() == DRC_ERROR_USAGE || ++in_a_row_ >= most_errors) throw;
            if (report_.failures.size() < failures_kept) report_.failures.push_back("frame " + frame.name + ": " + error.what());
            return std::nullopt;
        }
    }

private:
    bool live_;
    Report &report_;
    int in_a_row_ = 0;
};

// Runs until the source ends, the user closes the window or a signal arrives; finished outputs are kept in all cases.
void process(Source &source, const Options &options, drc::Extractor &extractor, std::vector<std::unique_ptr<Sink>> &sinks,
             Window *window, Clock::time_point start, Report &report) {
    FrameExtractor frames(extractor, source, options);
    Tolerance tolerance(source.live, report);
    Frame frame;
    cv::Mat probability;
    while (signal_received() == 0 && source.next(frame)) {
        if (frame.image.empty()) continue;
        const auto result = tolerance.step(frames, frame, probability);
        if (!result) continue;
        report.add(*result);
        if (report.frames == 1) report.first_mask_seconds = seconds_since(start);
        for (const auto &sink : sinks) sink->write(frame, probability);
        if (source.live) report.age.add(1000 * seconds_since(frame.captured));
        if (window != nullptr && !window->show(overlay(frame.image, probability))) break;
    }
    for (const auto &sink : sinks) sink->close();
}

// A model of any fixed camera is for videos, and its options are for no other model.
void check_camera(const drc::Extractor &extractor, const Source &source, const Options &options) {
    const std::string name = "'" + std::string(extractor.info().name) + "'";
    if (extractor.is_for_fixed_camera()) {
        if (source.is_still())
            throw UsageError("the model " + name + " is for the video of a fixed camera, whose background it learns while it runs; " +
                             "for images take another --model");
        return;
    }
    if (options.adapt || options.absorb)
        throw UsageError(std::string(options.adapt ? "--adapt" : "--absorb") + " is for a model of any fixed camera, and " + name +
                         " has its own background: leave it out");
}

}  // namespace

int run(const Options &options, Clock::time_point start) {
    const bool may_show = options.display && display_available();
    const drc_extractor_params params = parameters(options);
    const ModelChoice choice = choose_model(options.model);
    drc::Extractor extractor(choice.bundle.string(), params);
    Report report;
    report.ready_seconds = seconds_since(start);
    const auto source = open_source(options.source);
    const bool shown = may_show && (source->live || (!options.out && !options.masks));
    if (!options.out && !options.masks && !shown)
        throw UsageError("nothing to write and no display to show it on; add --out PATH or --masks DIR");
    if (source->is_still() && options.model.empty() && extractor.is_for_fixed_camera())
        throw UsageError("there is no model for every picture: name one with --model for " + options.source);
    check_camera(extractor, *source, options);
    check_outputs(*source, options);
    auto sinks = open_sinks(*source, options);
    if (!choice.why.empty()) std::fprintf(stderr, "drc-live: %s\n", choice.why.c_str());
    const auto window = shown ? std::make_unique<Window>(source->rate, source->live) : nullptr;
    process(*source, options, extractor, sinks, window.get(), start, report);
    report.failures.insert(report.failures.end(), source->failures.begin(), source->failures.end());
    report.seconds = seconds_since(start);
    (options.json ? print_json : print_rows)(report, *source, options);
    for (const std::string &failure : report.failures) std::fprintf(stderr, "drc-live: %s\n", failure.c_str());
    // a signal is the normal end of a live source
    if (signal_received() != 0 && !source->live) return 128 + signal_received();
    return report.failures.empty() ? 0 : 1;
}

}  // namespace live
