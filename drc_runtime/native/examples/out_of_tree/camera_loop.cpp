// camera_loop BUNDLE SOURCE [OUT.avi]: follows a camera (0, 1, ...), a video or an address with libdrc and OpenCV, and shows the
// foreground on green, or writes it to OUT.avi. q ends it.
#include <cstdint>
#include <iostream>
#include <string>

#include <opencv2/highgui.hpp>
#include <opencv2/videoio.hpp>

#include <drc/drc.hpp>

int main(int count, char **arguments) try {
    if (count < 3 || count > 4) return std::cerr << "usage: camera_loop BUNDLE SOURCE [OUT.avi]\n", 2;
    const std::string source = arguments[2];
    const bool camera = source.find_first_not_of("0123456789") == std::string::npos;
    cv::VideoCapture capture = camera ? cv::VideoCapture(std::stoi(source)) : cv::VideoCapture(source);
    drc::Extractor extractor(arguments[1]);
    drc::Track track(extractor);  // keeps the latent from frame to frame
    cv::VideoWriter writer;
    for (cv::Mat frame, mask; capture.read(frame);) {
        mask.create(frame.size(), CV_8U);  // 0 background, 255 foreground, in between along edges
        track.step({frame.data, frame.cols, frame.rows, frame.step, DRC_BGR}, {mask.data, mask.total()});
        frame.setTo(cv::Scalar(0, 255, 0), mask < 128);
        if (count == 3) {
            cv::imshow("drc", frame);
            if (cv::waitKey(1) == 'q') break;
            continue;
        }
        if (!writer.isOpened()) writer.open(arguments[3], cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 25, frame.size());
        writer.write(frame);
    }
    return 0;
} catch (const std::exception &error) {  // drc::Error, cv::Exception
    return std::cerr << "camera_loop: " << error.what() << '\n', 1;
}
