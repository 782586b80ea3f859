#include "cli/sample.hpp"

#include <getopt.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <drc/drc.hpp>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "atomic.hpp"
#include "cli/numbers.hpp"
#include "errors.hpp"
#include "marks.hpp"

namespace live {
namespace {

constexpr const char *help = R"(Usage: drc-live sample BUNDLE --out FILE [OPTIONS]

Draw what a model has learned to imagine: samples of its prior, as image, foreground, background and mask.

  --out FILE         Write a PNG: a column for each sample.
  --count N          Number of samples, up to 256. Default: 12.
  --steps N          Langevin steps from noise; 0: N(0, I) itself. Default: 60.
  --seed N           Seed of the noise. Default: 0.
  --overwrite        Replace a FILE that drc wrote.
  --json             Print one machine-readable object on stdout.
  --help
)";

constexpr int most_samples = 256, most_steps = 65536;
constexpr int gap = 2;  // white pixels between two tiles

struct Options {
    std::string bundle;
    std::filesystem::path out;
    int count = 12;
    drc_prior_params prior = drc_prior_default_params();
    bool overwrite = false, json = false, help = false;
};

enum Code { out = 1, count, steps, seed, overwrite, json, ask };

constexpr option known[] = {{"out", required_argument, nullptr, out},     {"count", required_argument, nullptr, count},
                            {"steps", required_argument, nullptr, steps}, {"seed", required_argument, nullptr, seed},
                            {"overwrite", no_argument, nullptr, overwrite}, {"json", no_argument, nullptr, json},
                            {"help", no_argument, nullptr, ask},          {nullptr, 0, nullptr, 0}};

int at_most(const char *name, int value, int most) {
    if (value > most) throw UsageError(std::string("--") + name + " " + std::to_string(value) + ": the most is " + std::to_string(most));
    return value;
}

Options parse(int number_of, char **arguments) {
    Options options;
    opterr = 0;
    int code = 0;
    while ((code = getopt_long(number_of, arguments, ":", known, nullptr)) != -1) {
        const std::string given = arguments[optind > 1 ? optind - 1 : 1];
        switch (code) {
            case out: options.out = optarg; break;
            case count: options.count = at_most("count", number<int>("count", optarg, 1), most_samples); break;
            case steps: options.prior.steps = at_most("steps", number<int>("steps", optarg, 0), most_steps); break;
            case seed: options.prior.seed = number<std::uint64_t>("seed", optarg, 0); break;
            case overwrite: options.overwrite = true; break;
            case json: options.json = true; break;
            case ask: options.help = true; return options;
            case ':': throw UsageError(given + " needs a value; see drc-live sample --help");
            default: throw UsageError(given + " is not an option; see drc-live sample --help");
        }
    }
    if (optind + 1 != number_of) throw UsageError("name one BUNDLE; see drc-live sample --help");
    options.bundle = arguments[optind];
    const std::string named = "--out " + options.out.string();
    if (options.out.extension() != ".png") throw UsageError(named + ": give a name that ends in .png");
    if (std::filesystem::exists(std::filesystem::symlink_status(options.out))) {
        if (!options.overwrite) throw UsageError(named + " exists; choose another name or add --overwrite");
        if (!is_replaceable(options.out)) throw UsageError(named + " " + not_ours + "; move it away or choose another name");
    }
    return options;
}

// A tensor 3 x height x width in [-1, 1] as BGR.
void draw(const std::vector<float> &tensor, cv::Mat tile) {
    const std::size_t plane = tile.rows * static_cast<std::size_t>(tile.cols);
    for (int y = 0; y < tile.rows; ++y)
        for (int x = 0; x < tile.cols; ++x)
            for (std::size_t channel = 0; channel < 3; ++channel) {
                const float value = tensor[channel * plane + static_cast<std::size_t>(y * tile.cols + x)];
                const auto level = std::nearbyint(static_cast<double>((value + 1.0f) * 127.5f));
                tile.at<cv::Vec3b>(y, x)[2 - static_cast<int>(channel)] = cv::saturate_cast<std::uint8_t>(level);
            }
}

}  // namespace

int run_sample(int number_of, char **arguments) {
    const Options options = parse(number_of, arguments);
    if (options.help) return std::fputs(help, stdout), 0;
    drc::Prior prior(options.bundle, options.prior);
    const drc_bundle_info info = prior.info();
    const std::size_t plane = static_cast<std::size_t>(info.height) * static_cast<std::size_t>(info.width);
    std::vector<float> image(3 * plane), foreground(3 * plane), background(3 * plane), mask(plane), grey(3 * plane);
    cv::Mat sheet(4 * (info.height + gap) - gap, options.count * (info.width + gap) - gap, CV_8UC3, cv::Scalar::all(255));
    auto energies = nlohmann::ordered_json::array();
    for (int sample = 0; sample < options.count; ++sample) {
        float energy = 0;
        prior.draw({image.data(), foreground.data(), background.data(), mask.data(), &energy});
        energies.push_back(std::isnan(energy) ? nlohmann::ordered_json() : nlohmann::ordered_json(energy));
        for (std::size_t i = 0; i < foreground.size(); ++i) {  // before white
            const float share = mask[i % plane];
            foreground[i] = share * foreground[i] + (1 - share);
            grey[i] = share * 2 - 1;
        }
        int row = 0;
        for (const std::vector<float> *tensor : {&image, &foreground, &background, &grey})
            draw(*tensor, sheet({sample * (info.width + gap), row++ * (info.height + gap), info.width, info.height}));
    }
    AtomicFile file(options.out);
    if (!cv::imwrite(file.temporary().string(), sheet)) throw Error("cannot write " + options.out.string());
    file.commit();
    if (options.json) {
        const nlohmann::ordered_json about{{"out", options.out.string()}, {"count", options.count},
                                           {"steps", options.prior.steps}, {"seed", options.prior.seed}, {"energies", energies}};
        std::printf("%s\n", about.dump().c_str());
    } else {
        std::printf("%s: %d samples of the prior of %s, %d steps\n", options.out.string().c_str(), options.count, info.name,
                    options.prior.steps);
    }
    return 0;
}

}  // namespace live
