#include "pipeline/signals.hpp"

#include <unistd.h>

#include <csignal>

namespace live {
namespace {

volatile std::sig_atomic_t received = 0;

void receive(int signal) {
    if (received != 0) _exit(128 + signal);
    received = signal;
}

}  // namespace

void watch_signals() {
    std::signal(SIGINT, receive);
    std::signal(SIGTERM, receive);
}

int signal_received() { return received; }

}  // namespace live
