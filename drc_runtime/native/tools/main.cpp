// drc-live: a source through a bundle to masks, a video or a window.
#include <cstdio>
#include <cstdlib>

#include <drc/drc.hpp>
#include <opencv2/core/utils/logger.hpp>

#include "pipeline/signals.hpp"
#include "cli/options.hpp"
#include "errors.hpp"
#include "process_start.hpp"
#include "pipeline/run.hpp"

int main(int count, char **arguments) {
    const auto start = live::process_start();
    live::watch_signals();
    // What its decoders have to say is not for the person who runs this.
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    // Seconds that a camera may send nothing: as long as drc run waits, and not 10, which is OpenCV's default.
    setenv("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "4", 0);
    try {
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
