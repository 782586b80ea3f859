/* The interface as a C program sees it. */
#include <drc/drc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                              \
    do {                                                                                              \
        if (!(condition)) {                                                                           \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, drc_last_error());    \
            exit(1);                                                                                  \
        }                                                                                             \
    } while (0)

enum { HEIGHT = 20, WIDTH = 30 };

int main(void) {
    char bundle[4096];
    unsigned char pixels[HEIGHT * WIDTH * 3];
    unsigned char mask[HEIGHT * WIDTH];
    drc_image image;
    drc_result result;
    drc_bundle_info info;
    drc_extractor_params params = drc_extractor_default_params();
    drc_track_params track_params = drc_track_default_params();
    drc_extractor *extractor = NULL;
    drc_track *track = NULL;
    drc_prior *prior = NULL;
    drc_prior_params prior_params = drc_prior_default_params();
    int i;

    CHECK(strlen(drc_version()) > 0);
    CHECK(strcmp(drc_last_error(), "") == 0);
    CHECK(drc_extractor_open("no-such-folder", &params, &extractor) == DRC_ERROR_BUNDLE_MISSING);
    CHECK(extractor == NULL && strstr(drc_last_error(), "no-such-folder") != NULL);

    CHECK(getenv("DRC_GOLDEN") != NULL);
    snprintf(bundle, sizeof bundle, "%s/toy", getenv("DRC_GOLDEN"));
    params.threads = 1;
    CHECK(drc_extractor_open(bundle, &params, &extractor) == DRC_OK);
    CHECK(drc_extractor_info(extractor, &info) == DRC_OK);
    CHECK(strcmp(info.name, "toy") == 0 && info.height == 8 && info.width == 12 && info.latent_size == 4);
    CHECK(info.cold_steps == 6 && info.track_steps == 2);

    /* The toy's foreground is what is bright: here the right half. */
    for (i = 0; i < HEIGHT * WIDTH * 3; ++i) pixels[i] = i / 3 % WIDTH >= WIDTH / 2 ? 255 : 0;
    image.pixels = pixels;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.stride = 3 * WIDTH;
    image.format = DRC_RGB;
    CHECK(drc_extract(extractor, &image, 0, mask, WIDTH, &result) == DRC_OK);
    CHECK(result.steps == 6 && result.foreground_share == 0.5);
    for (i = 0; i < HEIGHT * WIDTH; ++i) CHECK((mask[i] >= 128) == (pixels[3 * i] == 255));

    track_params.steps = 3;
    CHECK(drc_track_open(extractor, &track_params, &track) == DRC_OK);
    CHECK(drc_track_step(track, &image, mask, WIDTH, &result) == DRC_OK && result.steps == 6);
    CHECK(result.milliseconds >= result.engine_milliseconds && result.engine_milliseconds > 0);
    CHECK(drc_track_step(track, &image, mask, WIDTH, NULL) == DRC_OK);
    image.format = 7;
    CHECK(drc_track_step(track, &image, mask, WIDTH, &result) == DRC_ERROR_USAGE);
    image.format = DRC_BGR;
    CHECK(drc_track_step(track, &image, mask, WIDTH, &result) == DRC_OK && result.steps == 3);

    CHECK(drc_track_restarts(track) == 0 && drc_track_restarts(NULL) == 0);
    drc_track_close(track);
    CHECK(drc_track_open(extractor, NULL, &track) == DRC_OK);
    drc_track_close(track);
    drc_extractor_close(extractor);
    drc_track_close(NULL);
    drc_extractor_close(NULL);

    CHECK(drc_prior_open(bundle, NULL, &prior) == DRC_ERROR_BUNDLE_MISSING && prior == NULL);
    CHECK(strstr(drc_last_error(), "has no graph 'render'") != NULL);
    prior_params.steps = -1;
    CHECK(drc_prior_open(bundle, &prior_params, &prior) == DRC_ERROR_USAGE && strstr(drc_last_error(), "-1 steps") != NULL);
    CHECK(drc_prior_draw(NULL, NULL) == DRC_ERROR_USAGE && drc_prior_info(NULL, NULL) == DRC_ERROR_USAGE);
    drc_prior_close(NULL);
    return 0;
}
