// Where results go: checked before the first frame is read, so that nothing a user had is lost, then written so that
// every file appears whole or not at all.
#pragma once

#include <memory>
#include <vector>

#include <opencv2/core.hpp>

#include "options.hpp"
#include "source.hpp"

namespace live {

class Sink {
public:
    virtual ~Sink() = default;  // without close, nothing half-written stays under a final name
    virtual void write(const Frame &frame, const cv::Mat &probability) = 0;
    virtual void close() {}
};

// Refuses outputs that do not fit the source, that would replace what is read, or that exist already.
void check_outputs(const Source &source, const Options &options);

std::vector<std::unique_ptr<Sink>> open_sinks(const Source &source, const Options &options);

}  // namespace live
