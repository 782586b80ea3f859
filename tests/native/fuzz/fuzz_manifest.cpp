// Any bytes as a manifest are accepted or refused with a Failure; anything else is a bug.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bundle/manifest.hpp"
#include "errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace drc::detail;
    try {
        const Manifest manifest = parse_manifest({reinterpret_cast<const char *>(data), size});
        // The sizes of the engine's buffers must agree with the image size.
        const Shape &image = manifest.graphs.at("posterior_step").inputs.at("image");
        if (image.size() != 4 || image[1] != 3 || image[2] != manifest.height || image[3] != manifest.width) std::abort();
        if (manifest.cold_steps < 1 || manifest.track_steps < 1 || !(manifest.sigma > 0)) std::abort();
    } catch (const Failure &failure) {
        if (failure.status != DRC_ERROR_BUNDLE_DAMAGED && failure.status != DRC_ERROR_BUNDLE_VERSION) std::abort();
    }
    return 0;
}
