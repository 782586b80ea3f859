// The manifest of a bundle, versions 1 and 2: manifest.json, checked key by key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/json_object.hpp"
#include "inference/schedule.hpp"

namespace drc::detail {

struct GraphEntry {
    std::string file;
    std::string sha256;
    std::map<std::string, Shape> inputs, outputs;  // fixed shapes, float32
};

// The chain that starts where the graph initial_latent puts it.
struct InitialChain {
    int steps = 0;
    std::optional<Schedule> schedule;
};

// One known run of posterior_step: values spread evenly over its outputs (inference/golden.hpp).
struct GoldenStep {
    std::int64_t seed = 0;
    std::vector<double> z_next, mask;
    double log_posterior = 0;
};

struct Golden {
    double tolerance = 0;
    GoldenStep first, second;
};

struct Manifest {
    std::string name;
    std::int64_t height = 0, width = 0;  // of the network's image
    std::int64_t latent = 0;             // D, the length of z
    std::int64_t foreground_slots = 1;   // K
    double sigma = 0;                    // scale of the background's likelihood in the network's range [-1, 1]
    double foreground_spread = 1;        // the foreground's sigma over the background's
    bool gaussian = false;               // log p is proportional to the squared difference, not to the absolute one (Laplace)
    bool given_background = false;       // the runtime learns the background while it runs, for any fixed camera (format 2)
    int cold_steps = 0, track_steps = 0;
    std::optional<Schedule> schedule;  // of the steps from noise; without it all are whole
    std::optional<InitialChain> initial;  // where the bundle has the graph initial_latent
    std::optional<Golden> golden;
    std::map<std::string, GraphEntry> graphs;

    // The images of a sample do not say enough for Eq. 7: with several foreground slots they are only the slots' mean, and with a
    // given background the densities have parts that no image shows (scale, shadow, unknown foreground).
    bool needs_responsibility() const { return foreground_slots > 1 || given_background; }
};

// Refuses what Manifest.parse of the Python runtime refuses, with the same messages.
Manifest parse_manifest(std::string_view text);

}  // namespace drc::detail
