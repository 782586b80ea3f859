// ONNX Runtime with the graphs of a bundle. On the processor buffers are bound once, so that libdrc copies and
// allocates nothing in a run; other providers get the inputs again in each run.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.hpp"

namespace drc::detail {

struct EngineOptions {
    int threads = 0;               // 0: all cores that this process may use
    std::string provider = "CPU";  // CPU, CUDA, TensorRT or XNNPACK
};

// The tensors of posterior_step; the batch is the first axis.
struct Buffers {
    std::vector<float> z, image, noise;                                      // written by the caller
    std::vector<float> given_background, given_scale;  // likewise, where the model takes the background, else empty
    std::vector<float> z_next, log_posterior, mask, foreground, background;  // written by run
    std::vector<float> responsibility;  // written by run where the model needs it, else empty
};

class PosteriorStep {
public:
    PosteriorStep(const Bundle &bundle, const EngineOptions &options);
    ~PosteriorStep();

    // Computes z_next from the inputs, and with `maps` the other outputs as well.
    void run(bool maps);

    Buffers &buffers() { return buffers_; }
    std::size_t batch() const { return batch_; }
    std::chrono::nanoseconds time_spent() const { return time_spent_; }  // in ONNX Runtime, in all runs

private:
    struct Session;  // hides ONNX Runtime's headers
    Buffers buffers_;
    std::size_t batch_ = 1;
    std::chrono::nanoseconds time_spent_{0};
    std::unique_ptr<Session> session_;
};

// Any graph, of which the caller names the outputs that are wanted.
class Graph {
public:
    Graph(const Bundle &bundle, const EngineOptions &options, const std::string &name, const std::vector<std::string> &outputs);
    Graph(Graph &&) = delete;
    ~Graph();

    void run();  // computes the outputs from the inputs

    std::vector<float> &input(const std::string &name) { return inputs_.at(name); }
    const std::vector<float> &output(const std::string &name) const { return outputs_.at(name); }
    std::chrono::nanoseconds time_spent() const { return time_spent_; }

private:
    struct Session;
    std::map<std::string, std::vector<float>> inputs_, outputs_;
    std::chrono::nanoseconds time_spent_{0};
    std::unique_ptr<Session> session_;
};

// The graph initial_latent: an image to the z where its chain begins.
class InitialLatent {
public:
    InitialLatent(const Bundle &bundle, const EngineOptions &options) : graph_(bundle, options, "initial_latent", {"z"}) {}

    void run() { graph_.run(); }  // computes z from the image

    std::vector<float> &image() { return graph_.input("image"); }
    const std::vector<float> &z() const { return graph_.output("z"); }
    std::chrono::nanoseconds time_spent() const { return graph_.time_spent(); }

private:
    Graph graph_;
};

}  // namespace drc::detail
