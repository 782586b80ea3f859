#include "model_choice.hpp"

#include <cstdlib>
#include <system_error>

#include "errors.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

// Relative to the program's folder, so that an installation can be moved. Empty where the system does not tell the program's file.
fs::path find_bundled() {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (error) return {};
    for (const char *place : {DRC_DATA_FROM_BIN "/fixed-camera", "../../../../samples/fixed-camera/bundle"}) {
        const fs::path bundle = (program.parent_path() / place).lexically_normal();
        if (fs::is_regular_file(bundle / "manifest.json", error)) return bundle;
    }
    return {};
}

}  // namespace

ModelChoice choose_model(const fs::path &named) {
    if (!named.empty()) return {named, ""};
    const char *chosen = std::getenv("DRC_MODEL");
    if (chosen != nullptr && *chosen != '\0') return {chosen, std::string("model: ") + chosen + ", from DRC_MODEL"};
    const fs::path bundle = find_bundled();
    if (bundle.empty())
        throw UsageError("the model for any fixed camera is not installed beside this program: name a bundle with --model or DRC_MODEL");
    return {bundle, "model: fixed-camera, for any fixed camera"};
}

}  // namespace live
