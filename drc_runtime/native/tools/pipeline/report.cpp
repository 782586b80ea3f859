#include "pipeline/report.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "pipeline/signals.hpp"

namespace live {
namespace {

constexpr std::size_t values_kept = 10'000;

void put(nlohmann::ordered_json &object, const std::string &name, const Timings &timings) {
    for (const auto &[suffix, share] : {std::pair{"_p50", 0.5}, std::pair{"_p95", 0.95}}) {
        object[name + suffix] = nullptr;
        if (!timings.empty()) object[name + suffix] = timings.percentile(share);
    }
}

}  // namespace

void Timings::add(double milliseconds) {
    values_.push_back(milliseconds);
    if (values_.size() > values_kept) values_.pop_front();
}

double Timings::percentile(double share) const {
    std::vector<double> sorted(values_.begin(), values_.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

void Report::add(const drc_result &result) {
    latency.add(static_cast<double>(result.milliseconds));
    outside.add(static_cast<double>(result.milliseconds - result.engine_milliseconds));
    ++frames;
    steps = result.steps;
    foreground_share += (result.foreground_share - foreground_share) / static_cast<double>(frames);
}

void print_json(const Report &report, const Source &source, const Options &options) {
    nlohmann::ordered_json object{{"frames", report.frames},
                                  {"failures", report.failures},
                                  {"dropped", source.dropped},
                                  {"outputs", nlohmann::json::array()},
                                  {"interrupted", signal_received() != 0},
                                  {"signal", nullptr},
                                  {"live", source.live},
                                  {"state", source.state},
                                  {"reconnects", source.reconnects},
                                  {"seconds", report.seconds},
                                  {"steps", report.steps},
                                  {"ready_seconds", report.ready_seconds},
                                  {"first_mask_seconds", nullptr},
                                  {"foreground_share", report.foreground_share}};
    if (signal_received() != 0) object["signal"] = signal_received();
    if (report.frames > 0) {
        for (const auto &output : {options.out, options.masks})
            if (output) object["outputs"].push_back(output->string());
        object["first_mask_seconds"] = report.first_mask_seconds;
    }
    put(object, "milliseconds", report.latency);
    put(object, "outside_engine_milliseconds", report.outside);
    put(object, "age", report.age);
    // A file name may not be UTF-8.
    std::cout << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

void print_rows(const Report &report, const Source &source, const Options &options) {
    std::printf("frames      %ld in %.1f s\n", report.frames, report.seconds);
    if (source.dropped > 0) std::printf("dropped     %ld that came while another one was at work\n", source.dropped);
    if (source.reconnects > 0)
        std::printf("lost        and opened again %ld times; %s at the end\n", source.reconnects, source.state.c_str());
    if (!report.age.empty())
        std::printf("age         %.1f ms from capture to output, p95 %.1f ms\n", report.age.percentile(0.5), report.age.percentile(0.95));
    if (report.frames > 0) {
        std::printf("foreground  %.1f%% of the image on average\n", 100 * report.foreground_share);
        std::printf("first mask  after %.2f s\n", report.first_mask_seconds);
        std::printf("latency     %.1f ms a frame, p95 %.1f ms, %d steps\n", report.latency.percentile(0.5),
                    report.latency.percentile(0.95), report.steps);
        for (const auto &output : {options.out, options.masks})
            if (output) std::printf("written     %s\n", output->c_str());
    }
    std::fflush(stdout);
}

}  // namespace live
