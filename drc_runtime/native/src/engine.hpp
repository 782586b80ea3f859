// ONNX Runtime: one graph, posterior_step, with its buffers bound once, so that a run copies and allocates nothing of ours.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bundle.hpp"

namespace drc::detail {

struct EngineOptions {
    int threads = 0;               // 0: all cores that this process may run on
    std::string provider = "CPU";  // by the name that people use: CPU, CUDA, TensorRT, XNNPACK
};

// The tensors of posterior_step. What has a batch holds it as its slowest axis.
struct Buffers {
    std::vector<float> z, image, noise;                                          // written by the caller
    std::vector<float> z_next, log_posterior, mask, foreground, background;  // written by run
};

class PosteriorStep {
public:
    PosteriorStep(const Bundle &bundle, const EngineOptions &options);
    ~PosteriorStep();

    // Computes z_next, and with `maps` the other outputs, too, from what the inputs hold now.
    void run(bool maps);

    Buffers &buffers() { return buffers_; }
    std::size_t batch() const { return batch_; }
    std::chrono::nanoseconds time_spent() const { return time_spent_; }  // inside ONNX Runtime, since the beginning

private:
    struct Session;  // hides ONNX Runtime's headers from everyone else
    Buffers buffers_;
    std::size_t batch_ = 1;
    std::chrono::nanoseconds time_spent_{0};
    std::unique_ptr<Session> session_;
};

}  // namespace drc::detail
