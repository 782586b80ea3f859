#include "inference/prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "errors.hpp"

using namespace drc::detail;

namespace {

constexpr int most_steps = 65536;
constexpr const char *generators_name = "render", *step_name = "prior_step";

void check(const Bundle &bundle, const drc_prior_params &params) {
    if (params.steps < 0 || params.steps > most_steps)
        refuse_usage(std::to_string(params.steps) + " steps cannot be taken: give 0 to " + std::to_string(most_steps));
    if (params.threads < 0) refuse_usage(std::to_string(params.threads) + " threads cannot work: give 1 or more, or 0 for all");
    const auto &[folder, manifest, graphs] = bundle;
    if (manifest.given_background)
        refuse_usage("the model '" + manifest.name +
                     "' draws no background of its own, so it has no pictures to sample; take another");
    const auto need = [&](const char *graph, const std::string &way_out) {
        if (graphs.count(graph) == 0)
            throw Failure(DRC_ERROR_BUNDLE_MISSING, folder.string() + " has no graph '" + graph + "': export the run again" + way_out);
    };
    need(generators_name, "");
    if (params.steps > 0) need(step_name, ", or take 0 steps, which draws from N(0, I), the prior of amortised inference");
}

EngineOptions engine_options(const drc_prior_params &params) {
    return {params.threads, params.provider == nullptr ? "CPU" : params.provider};
}

void copy(const std::vector<float> &from, std::vector<float> &to) { std::copy(from.begin(), from.end(), to.begin()); }

}  // namespace

drc_prior::drc_prior(const std::filesystem::path &folder, const drc_prior_params &params)
    : drc_prior(load_bundle(folder), params) {}

drc_prior::drc_prior(const Bundle &bundle, const drc_prior_params &params)
    : manifest_(bundle.manifest),
      steps_((check(bundle, params), params.steps)),
      noise_(params.seed),
      generators_(bundle, engine_options(params), generators_name, {"image", "foreground", "background", "mask"}),
      batch_(generators_.input("z").size() / static_cast<std::size_t>(manifest_.latent)),
      row_(batch_) {
    if (steps_ > 0) chain_.emplace(bundle, engine_options(params), step_name, std::vector<std::string>{"z_next", "energy"});
}

void drc_prior::run_chains() {
    std::vector<float> &z = generators_.input("z");
    noise_.draw(z.data(), z.size());
    for (int step = 0; step < steps_; ++step) {
        copy(step == 0 ? z : chain_->output("z_next"), chain_->input("z"));
        noise_.draw(chain_->input("noise").data(), z.size());
        chain_->run();
    }
    if (chain_) copy(chain_->output("z_next"), z);
    if (!std::all_of(z.begin(), z.end(), [](float it) { return std::isfinite(it); }))
        throw Failure(DRC_ERROR_DIVERGED, "the prior's chain diverged within " + std::to_string(steps_) + " steps: take fewer");
    generators_.run();
    row_ = 0;
}

void drc_prior::draw(const drc_prior_sample &sample) {
    if (row_ == batch_) run_chains();
    const auto give = [&](const char *name, float *to) {
        const std::vector<float> &all = generators_.output(name);
        const auto size = static_cast<std::ptrdiff_t>(all.size() / batch_);
        if (to != nullptr) std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(row_) * size, size, to);
    };
    give("image", sample.image);
    give("foreground", sample.foreground);
    give("background", sample.background);
    give("mask", sample.mask);
    if (sample.energy != nullptr)
        *sample.energy = chain_ ? chain_->output("energy")[row_] : std::numeric_limits<float>::quiet_NaN();
    ++row_;
}
