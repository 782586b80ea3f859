#include "bundle/manifest.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "errors.hpp"

namespace drc::detail {
namespace {

constexpr const char *format = "drc-bundle-1";
constexpr const char *format_2 = "drc-bundle-2";  // the background is an input
constexpr std::size_t most_files = 32;  // each is read as a whole
// Suffix of graphs whose convolutions run in float16; inputs and outputs stay float32.
constexpr std::string_view half_precision = "_fp16";

using Kinds = std::vector<std::pair<std::string, std::string>>;  // in the order of the checks
struct KnownGraph {
    Kinds inputs, outputs;
};

// The tensors of the known graphs. B: batch, D: latent vector, H and W: image.
const std::map<std::string, KnownGraph> &known_graphs() {
    static const std::map<std::string, KnownGraph> graphs{
        {"posterior_step",
         {{{"z", "BD"}, {"image", "B3HW"}, {"noise", "BD"}},
          {{"z_next", "BD"},
           {"log_posterior", "B"},
           {"mask", "B1HW"},
           {"responsibility", "B1HW"},
           {"foreground", "B3HW"},
           {"background", "B3HW"}}}},
        {"render",
         {{{"z", "BD"}},
          {{"mask", "B1HW"},
           {"foreground", "B3HW"},
           {"background", "B3HW"},
           {"background_before_reassignment", "B3HW"},
           {"image", "B3HW"}}}},
        {"prior_step", {{{"z", "BD"}, {"noise", "BD"}}, {{"z_next", "BD"}, {"energy", "B"}}}},
        {"initial_latent", {{{"image", "B3HW"}}, {{"z", "BD"}}}},
    };
    return graphs;
}

// posterior_step where the background is an input: the given background and its scale come in, and the given background with the
// local gain that the model draws takes the place of the generated one.
const KnownGraph &step_with_given_background() {
    static const KnownGraph graph = [] {
        KnownGraph changed = known_graphs().at("posterior_step");
        changed.inputs.insert(changed.inputs.end(), {{"background", "B3HW"}, {"background_scale", "B1HW"}});
        for (auto &output : changed.outputs)
            if (output.first == "background") output.first = "background_lit";
        return changed;
    }();
    return graph;
}

bool is_file_name(const std::string &text) {
    const auto word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !text.empty() && text.size() <= 128 && word(text[0]) && text != "manifest.json" &&
           std::all_of(text.begin(), text.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool is_sha256(const std::string &text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

GraphEntry parse_file(const JsonObject &object) {
    GraphEntry entry{object.text("file"), object.text("sha256"), {}, {}};
    if (!is_file_name(entry.file))
        object.refuse("file", "must be a plain file name inside the bundle: letters, digits, '_', '-' and '.'");
    if (!is_sha256(entry.sha256)) object.refuse("sha256", "must be 64 hexadecimal digits");
    return entry;
}

GraphEntry parse_graph(const JsonObject &object) {
    GraphEntry entry = parse_file(object);
    entry.inputs = object.child("inputs").all_sizes();
    entry.outputs = object.child("outputs").all_sizes();
    return entry;
}

std::string show(const Shape &shape) {
    std::string text;
    for (std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
    return "[" + text + "]";
}

void check_tensors(const Manifest &manifest, const std::string &where, const Kinds &known,
                   const std::map<std::string, Shape> &given, std::int64_t batch) {
    const std::map<char, std::int64_t> sizes{{'B', batch},           {'D', manifest.latent}, {'H', manifest.height},
                                             {'W', manifest.width}, {'1', 1},               {'3', 3}};
    for (const auto &[tensor, kind] : known) {
        Shape expected;
        for (char axis : kind) expected.push_back(sizes.at(axis));
        const auto found = given.find(tensor);
        if (found == given.end()) refuse_damaged(where + tensor + " is missing");
        if (found->second != expected)
            refuse_damaged(where + tensor + " is " + show(found->second) + " but the sizes above make it " + show(expected));
    }
}

std::string plain_name(const std::string &name) {
    const bool half = name.size() >= half_precision.size() &&
                      name.compare(name.size() - half_precision.size(), half_precision.size(), half_precision) == 0;
    return half ? name.substr(0, name.size() - half_precision.size()) : name;
}

void check_files(const Manifest &manifest, std::vector<std::string> files) {
    for (const auto &item : manifest.graphs) files.push_back(item.second.file);
    if (files.size() > most_files || std::set<std::string>(files.begin(), files.end()).size() < files.size())
        refuse_damaged("manifest.json: it names more than 32 files, or one file twice");
}

void check_required(const Manifest &manifest) {
    if (manifest.graphs.count("posterior_step") == 0) refuse_damaged("manifest.json: graphs.posterior_step is missing");
    if (manifest.initial.has_value() != (manifest.graphs.count("initial_latent") == 1))
        refuse_damaged("manifest.json: of sampler.initial and graphs.initial_latent one is missing");
}

// The known graphs must have the tensors and shapes that follow from the sizes of image and latent vector.
void check_graphs(const Manifest &manifest) {
    check_required(manifest);
    check_files(manifest, {});
    for (const auto &[name, graph] : manifest.graphs) {
        const std::string kind = plain_name(name);
        const auto found = known_graphs().find(kind);
        if (found == known_graphs().end()) continue;
        const bool given = manifest.given_background && kind == "posterior_step";
        const KnownGraph &known = given ? step_with_given_background() : found->second;
        const std::string where = "manifest.json: graphs." + name;
        for (const auto &input : graph.inputs)
            if (std::none_of(known.inputs.begin(), known.inputs.end(), [&](const auto &it) { return it.first == input.first; }))
                refuse_damaged(where + ".inputs." + input.first + " is not an input of version 1");
        const auto z = graph.inputs.find("z"), image = graph.inputs.find("image");
        const std::int64_t batch = z != graph.inputs.end()       ? z->second.front()
                                   : image != graph.inputs.end() ? image->second.front()
                                                                 : 1;
        check_tensors(manifest, where + ".inputs.", known.inputs, graph.inputs, batch);
        check_tensors(manifest, where + ".outputs.", known.outputs, graph.outputs, batch);
    }
}

std::optional<Schedule> parse_schedule(const JsonObject &object) {
    if (!object.has("schedule")) return {};
    const JsonObject schedule = object.child("schedule");
    const double start = schedule.number("start", 1e-6, 16);
    return Schedule{start, schedule.number("end", 1e-6, 1)};
}

InitialChain parse_initial(const JsonObject &object) {
    const int steps = static_cast<int>(object.size("steps"));
    return {steps, parse_schedule(object)};
}

GoldenStep parse_golden_step(const JsonObject &object) {
    constexpr std::size_t most_values = 16;
    constexpr double largest_value = 1e19;
    GoldenStep step;
    step.seed = object.size("seed", 0);
    step.z_next = object.numbers("z_next", most_values, largest_value);
    step.mask = object.numbers("mask", most_values, largest_value);
    step.log_posterior = object.number("log_posterior", -largest_value, largest_value);
    return step;
}

Golden parse_golden(const JsonObject &object) {
    Golden golden;
    golden.tolerance = object.number("tolerance", 1e-6, 1);
    golden.first = parse_golden_step(object.child("first"));
    golden.second = parse_golden_step(object.child("second"));
    if (golden.first.seed == golden.second.seed) object.child("second").refuse("seed", "is that of golden.first");
    return golden;
}

bool has_given_background(const JsonObject &root, const std::string &version) {
    const std::string background = root.has("background") ? root.text("background") : "generated";
    const bool given = background == "input";
    if (!given && background != "generated")
        root.refuse("background", "is '" + background + "', but this version of drc knows generated, input");
    if (given != (version == format_2)) root.refuse("background", "does not go with format '" + version + "'");
    return given;
}

// libdrc does not run TorchScript, but accepts the same manifests as the Python runtime.
void check_torchscript(const Manifest &manifest, const JsonObject &torchscript) {
    torchscript.limit_members();
    std::vector<std::string> files;
    for (const std::string &name : torchscript.keys()) files.push_back(parse_file(torchscript.child(name)).file);
    check_required(manifest);  // the first complaint
    check_files(manifest, files);
    for (const std::string &name : torchscript.keys())
        if (manifest.graphs.count(name) == 0)
            refuse_damaged("manifest.json: torchscript." + name + " has no graph of the same name that says what it takes");
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
    const nlohmann::json decoded = decode_json(text);
    const JsonObject root(decoded, "");
    const std::string version = root.text("format");
    if (version != format && version != format_2)
        throw Failure(DRC_ERROR_BUNDLE_VERSION, "the bundle has format '" + version + "' but this version of drc reads '" +
                                                    format + "' and '" + format_2 +
                                                    "': export it again, or install the drc that wrote it");
    const Shape image_size = root.sizes("image_size");
    if (image_size.size() != 2) root.refuse("image_size", "must be [height, width]");
    Manifest manifest;
    manifest.height = image_size[0];
    manifest.width = image_size[1];
    manifest.name = root.text("name");
    const JsonObject latent = root.child("latent");
    manifest.latent = latent.size("foreground") + latent.size("background") + latent.size("reassignment", 0);
    if (latent.has("foreground_slots")) manifest.foreground_slots = latent.size("foreground_slots");
    const JsonObject sampler = root.child("sampler");
    sampler.scale("step_size");  // checked only: the graph contains it
    manifest.sigma = sampler.scale("sigma");
    if (sampler.has("foreground_spread")) manifest.foreground_spread = sampler.scale("foreground_spread");
    if (sampler.has("likelihood")) {
        const std::string likelihood = sampler.text("likelihood");
        manifest.gaussian = likelihood == "gaussian";
        if (!manifest.gaussian && likelihood != "laplace")
            sampler.refuse("likelihood", "is '" + likelihood + "', but this version of drc knows laplace, gaussian");
    }
    manifest.cold_steps = static_cast<int>(sampler.size("cold_steps"));
    manifest.track_steps = static_cast<int>(sampler.size("track_steps"));
    manifest.schedule = parse_schedule(sampler);
    if (sampler.has("initial")) manifest.initial = parse_initial(sampler.child("initial"));
    const JsonObject graphs = root.child("graphs");
    graphs.limit_members();
    for (const std::string &name : graphs.keys()) manifest.graphs[name] = parse_graph(graphs.child(name));
    root.child("training").require_scalars();
    root.child("metrics").limit_members();
    manifest.given_background = has_given_background(root, version);
    if (root.has("golden")) manifest.golden = parse_golden(root.child("golden"));
    if (root.has("torchscript")) check_torchscript(manifest, root.child("torchscript"));
    check_graphs(manifest);
    return manifest;
}

}  // namespace drc::detail
