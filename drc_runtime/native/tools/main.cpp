// drc-live: a source through a bundle to masks, a video or a window.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>

#include <drc/drc.hpp>
#include <nlohmann/json.hpp>
#include <opencv2/core/utils/logger.hpp>

#include "compose.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "problem.hpp"
#include "source.hpp"
#include "window.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t frames_timed = 10'000;  // the latest ones: a run may go on for weeks

volatile std::sig_atomic_t interrupted = 0;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Report {
    long frames = 0;
    int steps = 0;
    double foreground_share = 0, ready_seconds = 0, first_mask_seconds = 0;
    std::deque<double> milliseconds;

    double percentile(double share) const {
        std::vector<double> sorted(milliseconds.begin(), milliseconds.end());
        std::sort(sorted.begin(), sorted.end());
        return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
    }

    void add(const drc_result &result, double seconds) {
        milliseconds.push_back(seconds * 1000);
        if (milliseconds.size() > frames_timed) milliseconds.pop_front();
        ++frames;
        steps = result.steps;
        foreground_share += (result.foreground_share - foreground_share) / static_cast<double>(frames);
    }
};

drc_extractor_params parameters(const live::Options &options) {
    drc_extractor_params params = drc_extractor_default_params();
    params.threads = options.threads;
    params.mask = options.mixture ? DRC_MASK_MIXTURE : DRC_MASK_RESPONSIBILITY;
    params.seed = options.seed;
    params.provider = options.provider.c_str();
    return params;
}

// Until the source ends, the window is closed or Ctrl-C; the last two keep what is finished.
void process(live::Source &source, const live::Options &options, drc::Extractor &extractor,
             std::vector<std::unique_ptr<live::Sink>> &sinks, live::Window *window, Clock::time_point start, Report &report) {
    drc_track_params track_params = drc_track_default_params();
    track_params.steps = options.steps;
    drc::Track track(extractor, track_params);
    live::Frame frame;
    cv::Mat probability;
    while (interrupted == 0 && source.next(frame)) {
        if (frame.picture.empty()) continue;
        const auto begun = Clock::now();
        probability.create(frame.picture.size(), CV_8U);
        const drc_picture view{frame.picture.data, frame.picture.cols, frame.picture.rows, frame.picture.step, DRC_BGR};
        const drc::MaskView mask{probability.data, probability.total()};
        const drc_result result = source.rate > 0 ? track.step(view, mask) : extractor.extract(view, mask, options.steps);
        report.add(result, seconds_since(begun));
        if (report.frames == 1) report.first_mask_seconds = seconds_since(start);
        for (const auto &sink : sinks) sink->write(frame, probability);
        if (window != nullptr && !window->show(live::overlay(frame.picture, probability))) break;
    }
    for (const auto &sink : sinks) sink->close();
}

void print_json(const Report &report, const live::Source &source, const live::Options &options, double seconds) {
    nlohmann::ordered_json object{{"frames", report.frames},
                                  {"failures", source.failures},
                                  {"dropped", source.dropped},
                                  {"outputs", nlohmann::json::array()},
                                  {"interrupted", interrupted != 0},
                                  {"seconds", seconds},
                                  {"steps", report.steps},
                                  {"ready_seconds", report.ready_seconds},
                                  {"first_mask_seconds", nullptr},
                                  {"milliseconds_p50", nullptr},
                                  {"milliseconds_p95", nullptr},
                                  {"foreground_share", report.foreground_share}};
    if (report.frames > 0) {
        for (const auto &output : {options.out, options.masks})
            if (output) object["outputs"].push_back(output->string());
        object["first_mask_seconds"] = report.first_mask_seconds;
        object["milliseconds_p50"] = report.percentile(0.5);
        object["milliseconds_p95"] = report.percentile(0.95);
    }
    // A file's name need not be UTF-8.
    std::cout << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_rows(const Report &report, const live::Source &source, const live::Options &options, double seconds) {
    std::printf("frames      %ld in %.1f s\n", report.frames, seconds);
    if (source.dropped > 0) std::printf("dropped     %ld that came while another one was at work\n", source.dropped);
    if (report.frames == 0) return;
    std::printf("foreground  %.1f%% of the picture on average\n", 100 * report.foreground_share);
    std::printf("first mask  after %.2f s\n", report.first_mask_seconds);
    std::printf("latency     %.1f ms a frame, p95 %.1f ms, %d steps\n", report.percentile(0.5), report.percentile(0.95), report.steps);
    for (const auto &output : {options.out, options.masks})
        if (output) std::printf("written     %s\n", output->c_str());
}

int run(const live::Options &options, Clock::time_point start) {
    const bool may_show = options.display && live::display_available();
    const drc_extractor_params params = parameters(options);
    drc::Extractor extractor(options.model.string(), params);
    Report report;
    report.ready_seconds = seconds_since(start);
    const auto source = live::open_source(options.source);
    const bool shown = may_show && (source->live || (!options.out && !options.masks));
    if (!options.out && !options.masks && !shown)
        throw live::Usage("nothing to write and no display to show it on; add --out PATH or --masks DIR");
    live::check_outputs(*source, options);
    auto sinks = live::open_sinks(*source, options);
    const auto window = shown ? std::make_unique<live::Window>(source->rate, source->live) : nullptr;
    process(*source, options, extractor, sinks, window.get(), start, report);
    (options.json ? print_json : print_rows)(report, *source, options, seconds_since(start));
    for (const std::string &failure : source->failures) std::fprintf(stderr, "drc-live: %s\n", failure.c_str());
    return interrupted != 0 ? 130 : source->failures.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char **arguments) {
    const auto start = Clock::now();
    std::signal(SIGINT, [](int) { interrupted = 1; });
    // What its decoders have to say is not for the person who runs this.
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    try {
        const auto options = live::parse_options(count, arguments);
        return options ? run(*options, start) : 0;
    } catch (const live::Problem &problem) {
        std::fprintf(stderr, "drc-live: %s\n", problem.what());
        return problem.exit_code;
    } catch (const drc::Error &error) {
        std::fprintf(stderr, "drc-live: %s\n", error.what());
        return error.status() == DRC_ERROR_USAGE ? 2 : 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "drc-live: %s\n", error.what());
        return 1;
    }
}
