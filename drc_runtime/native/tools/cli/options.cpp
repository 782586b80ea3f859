#include "cli/options.hpp"

#include <getopt.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <locale>
#include <regex>
#include <sstream>
#include <thread>

#include <drc/drc.h>

#include "cli/numbers.hpp"
#include "errors.hpp"

namespace live {
namespace {

constexpr const char *help = R"(Usage: drc-live [OPTIONS] SOURCE
       drc-live sample BUNDLE --out FILE [OPTIONS]

Extract the foreground of a camera, video, folder or image; exit code 1 if any item failed.

SOURCE is webcam, webcam:1, an image, a folder, a video, or an rtsp or http address.

  --model BUNDLE     The folder that drc export wrote. Default: $DRC_MODEL, else the model of any fixed camera; images need one.
  --out PATH         Video (.mp4, .avi); for images a .png or a folder of cut-outs.
  --masks DIR        Write one PNG mask for each frame: 0 background, 255 foreground.
  --soft             Masks contain probabilities instead of 0 and 255.
  --steps N          Langevin steps for each frame. Default: the bundle's own, or fewer if --fps needs that.
  --fps RATE         Frame rate that the steps are chosen for. Default: measured, for a live source.
  --mask KIND        responsibility (default) or mixture.
  --adapt WHAT       What a model of any fixed camera follows: all (default), light or nothing.
  --absorb TIME      When a thing that stays becomes background: 90s, 30m (default), 1h, never.
  --threads N        Threads of the network: up to 4 a core. Default: all cores.
  --provider NAME    CPU (default), CUDA, TensorRT or XNNPACK.
  --seed N           Seed of the Langevin noise. Default: 0.
  --from-noise       Begin chains at noise although the model has an initialiser.
  --no-display       Never open a window.
  --overwrite        Replace outputs that exist.
  --json             Print one machine-readable object on stdout.
  --version, --help
)";

enum Code { model = 1, out, masks, soft, steps, fps, mask, adapt, absorb, threads, provider, seed, from_noise, no_display, overwrite, json, version, ask };

constexpr option known[] = {
    {"model", required_argument, nullptr, model},     {"out", required_argument, nullptr, out},
    {"masks", required_argument, nullptr, masks},     {"soft", no_argument, nullptr, soft},
    {"steps", required_argument, nullptr, steps},     {"fps", required_argument, nullptr, fps},
    {"mask", required_argument, nullptr, mask},       {"adapt", required_argument, nullptr, adapt},
    {"absorb", required_argument, nullptr, absorb},
    {"threads", required_argument, nullptr, threads}, {"provider", required_argument, nullptr, provider},
    {"seed", required_argument, nullptr, seed},       {"from-noise", no_argument, nullptr, from_noise},
    {"no-display", no_argument, nullptr, no_display},
    {"overwrite", no_argument, nullptr, overwrite},   {"json", no_argument, nullptr, json},
    {"version", no_argument, nullptr, version},       {"help", no_argument, nullptr, ask},
    {nullptr, 0, nullptr, 0}};

// Not from_chars, which supports only integers before GCC 11.
double rate(const char *text) {
    std::istringstream stream(text);
    stream.imbue(std::locale::classic());
    double value = 0;
    if (!(stream >> value) || !stream.eof() || !(value > 0 && value <= 1000))
        throw UsageError(std::string("--fps ") + text + " is no rate; use a number above 0, up to 1000");
    return value;
}

// More threads only wait for each other, and thousands take the machine down; the bound is drc's.
int thread_count(const char *text) {
    cpu_set_t set;
    const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
    const int value = number<int>("threads", text, 1), most = 4 * std::max(1, cores);
    if (value > most) throw UsageError(std::string("--threads ") + text + ": use 1 to " + std::to_string(most) + ", which is 4 for each usable core");
    return value;
}

std::string adaptation(const std::string &what) {
    if (what != "all" && what != "light" && what != "nothing")
        throw UsageError("--adapt " + what + ": choose one of all, light, nothing");
    return what;
}

double absorb_seconds(const std::string &text) {
    if (text == "never") return 0;
    static const std::regex form("([0-9]{1,6}(?:\\.[0-9]{1,3})?)([smh])");
    std::smatch match;
    if (!std::regex_match(text, match, form)) throw UsageError("--absorb " + text + ": write the duration as 90s, 10m or 1h");
    std::istringstream stream(match[1].str());
    stream.imbue(std::locale::classic());
    double value = 0;
    stream >> value;
    value *= match[2] == "s" ? 1 : match[2] == "m" ? 60 : 3600;
    if (value < 1) throw UsageError("--absorb " + text + " is too short; give a second or more, or never");
    return value;
}

std::string bundle(const std::string &folder) {
    if (folder.empty()) throw UsageError("--model needs the folder that drc export wrote; leave it out for the model of any fixed camera");
    return folder;
}

bool is_mixture(const std::string &kind) {
    if (kind != "mixture" && kind != "responsibility") throw UsageError("--mask " + kind + ": choose responsibility or mixture");
    return kind == "mixture";
}

void take(Options &options, int code) {
    switch (code) {
        case model: options.model = bundle(optarg); break;
        case out: options.out = optarg; break;
        case masks: options.masks = optarg; break;
        case soft: options.soft = true; break;
        case steps: options.steps = number<int>("steps", optarg, 1); break;
        case fps: options.fps = rate(optarg); break;
        case mask: options.mixture = is_mixture(optarg); break;
        case adapt: options.adapt = adaptation(optarg); break;
        case absorb: options.absorb = absorb_seconds(optarg); break;
        case threads: options.threads = thread_count(optarg); break;
        case provider: options.provider = optarg; break;
        case seed: options.seed = number<std::uint64_t>("seed", optarg, 0); break;
        case from_noise: options.from_noise = true; break;
        case no_display: options.display = false; break;
        case overwrite: options.overwrite = true; break;
        case json: options.json = true; break;
        default: break;
    }
}

}  // namespace

std::optional<Options> parse_options(int count, char **arguments) {
    Options options;
    opterr = 0;
    int code = 0;
    // The colon distinguishes an option without a value from an unknown option.
    while ((code = getopt_long(count, arguments, ":", known, nullptr)) != -1) {
        const std::string given = arguments[optind > 1 ? optind - 1 : 1];
        if (code == ask) return std::fputs(help, stdout), std::nullopt;
        if (code == version) return std::printf("drc-live %s\n", drc_version()), std::nullopt;
        if (code == ':') throw UsageError(given + " needs a value; see drc-live --help");
        if (code == '?') throw UsageError(given + " is not an option; see drc-live --help");
        take(options, code);
    }
    if (optind + 1 != count) throw UsageError("name one SOURCE; see drc-live --help");
    options.source = arguments[optind];
    if (options.absorb && options.adapt.value_or("all") != "all")
        throw UsageError("--absorb has no effect with --adapt " + *options.adapt + ": leave out one of them");
    return options;
}

}  // namespace live
