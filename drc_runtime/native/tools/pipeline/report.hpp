// What a run did, with the keys of drc_runtime/pipeline/report.py, and how it is printed.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include <drc/drc.h>

#include "cli/options.hpp"
#include "frames.hpp"

namespace live {

// The latest values of a duration in milliseconds; bounded, because a run may last for weeks.
class Timings {
public:
    void add(double milliseconds);
    bool empty() const { return values_.empty(); }
    double percentile(double share) const;  // needs at least one value

private:
    std::deque<double> values_;
};

struct Report {
    long frames = 0;
    int steps = 0;
    double foreground_share = 0, ready_seconds = 0, first_mask_seconds = 0, seconds = 0;
    Timings latency, outside;  // from a frame to its mask, and the part of it outside ONNX Runtime
    Timings age;               // from a live frame's capture to the end of its outputs
    std::vector<std::string> failures;

    void add(const drc_result &result);
};

void print_json(const Report &report, const Source &source, const Options &options);
void print_rows(const Report &report, const Source &source, const Options &options);

}  // namespace live
