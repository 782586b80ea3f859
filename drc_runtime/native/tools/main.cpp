// drc-live: reads a source, extracts its foreground with a bundle, writes masks or a video or opens a window;
// drc-live sample draws from a model's prior.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <drc/drc.hpp>
#include <opencv2/core/utils/logger.hpp>

#include "cli/options.hpp"
#include "cli/sample.hpp"
#include "errors.hpp"
#include "pipeline/run.hpp"
#include "pipeline/signals.hpp"
#include "process_start.hpp"

int main(int count, char **arguments) {
    const auto start = live::process_start();
    live::watch_signals();
    // The decoders' own messages would not help the user.
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    // Seconds without a frame after which a camera read fails: as in drc run, and not OpenCV's 10.
    setenv("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "4", 0);
    try {
        if (count > 1 && std::strcmp(arguments[1], "sample") == 0) return live::run_sample(count - 1, arguments + 1);
        const auto options = live::parse_options(count, arguments);
        return options ? live::run(*options, start) : 0;
    } catch (const live::Error &error) {
        std::fprintf(stderr, "drc-live: %s\n", error.what());
        return error.exit_code;
    } catch (const drc::Error &error) {
        std::fprintf(stderr, "drc-live: %s\n", error.what());
        return error.status() == DRC_ERROR_USAGE ? 2 : 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "drc-live: %s\n", error.what());
        return 1;
    }
}
