/* libdrc: foreground masks for pictures and live video, from a bundle folder that `drc export` wrote.
 *
 *     drc_extractor_params params = drc_extractor_default_params();
 *     drc_extractor *extractor = NULL;
 *     drc_track *track = NULL;
 *     if (drc_extractor_open("bundle", &params, &extractor) != DRC_OK ||
 *         drc_track_open(extractor, 0, &track) != DRC_OK) {
 *         fprintf(stderr, "%s\n", drc_last_error());
 *         return 1;
 *     }
 *     while (read_frame(pixels)) {
 *         drc_picture picture = {pixels, 1280, 720, 3 * 1280, DRC_RGB};
 *         if (drc_track_step(track, &picture, mask, 1280, NULL) != DRC_OK) { ... }
 *         // mask[y * 1280 + x] >= 128: foreground
 *     }
 *     drc_track_close(track);
 *     drc_extractor_close(extractor);
 *
 * No function ends the process or throws. Each that can fail returns a status, and drc_last_error() then says in one
 * line what was wrong and what to do. An extractor and its tracks belong to one thread at a time; several extractors
 * may be used from several threads.
 */
#ifndef DRC_DRC_H
#define DRC_DRC_H

#include <stddef.h>
#include <stdint.h>

#if defined(DRC_STATIC)
#define DRC_API
#elif defined(_WIN32)
#ifdef DRC_BUILDING
#define DRC_API __declspec(dllexport)
#else
#define DRC_API __declspec(dllimport)
#endif
#else
#define DRC_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum drc_status {
    DRC_OK = 0,
    DRC_ERROR_USAGE = 1,  /* an argument cannot work */
    DRC_ERROR_BUNDLE = 2, /* the bundle is missing, damaged, of another version, or holds what it may not */
    DRC_ERROR_ENGINE = 3, /* ONNX Runtime cannot load or run the graph, or the chain diverged */
    DRC_ERROR_MEMORY = 4  /* out of memory */
} drc_status;

/* What the 8-bit probabilities are. */
typedef enum drc_mask_kind {
    DRC_MASK_RESPONSIBILITY = 0, /* of the foreground for the picture's own pixels (Eq. 7) */
    DRC_MASK_MIXTURE = 1         /* the network's mixture weight alone */
} drc_mask_kind;

typedef enum drc_pixel_format {
    DRC_RGB = 0, /* 3 bytes a pixel: red, green, blue */
    DRC_BGR = 1  /* 3 bytes a pixel: blue, green, red, as OpenCV has them */
} drc_pixel_format;

typedef struct drc_extractor drc_extractor; /* a loaded bundle */
typedef struct drc_track drc_track;         /* the state of one video */

typedef struct drc_extractor_params {
    int32_t threads;      /* cores that a run may use; 0: all that this process may run on */
    int32_t mask;         /* a drc_mask_kind */
    uint64_t seed;        /* of the noise that cold starts begin from */
    const char *provider; /* "CPU", "CUDA", "TensorRT" or "XNNPACK", if this ONNX Runtime has it; NULL: CPU */
} drc_extractor_params;

/* A picture of any size, which the call only reads. */
typedef struct drc_picture {
    const uint8_t *pixels;
    int32_t width, height;
    size_t stride;  /* bytes from one row to the next */
    int32_t format; /* a drc_pixel_format */
} drc_picture;

typedef struct drc_result {
    float log_posterior;     /* of the latent that the mask comes from, without constants */
    int32_t steps;           /* Langevin steps taken */
    double foreground_share; /* share of the pixels whose probability is 128 or more, in [0, 1] */
} drc_result;

typedef struct drc_bundle_info {
    const char *name;              /* lives as long as the extractor */
    int32_t height, width;         /* of the network's picture */
    int32_t latent_size;           /* numbers in z */
    int32_t cold_steps, track_steps; /* steps from noise, and for each further frame of a video */
} drc_bundle_info;

/* "0.1.0" */
DRC_API const char *drc_version(void);

/* What the last call that failed in this thread had to say; an empty text before any did. Never NULL. */
DRC_API const char *drc_last_error(void);

DRC_API drc_extractor_params drc_extractor_default_params(void);

/* Loads and checks the bundle in the folder `bundle`; params NULL: the defaults. On failure *extractor is NULL. */
DRC_API drc_status drc_extractor_open(const char *bundle, const drc_extractor_params *params, drc_extractor **extractor);
DRC_API void drc_extractor_close(drc_extractor *extractor); /* NULL is let be; close its tracks first */
DRC_API drc_status drc_extractor_info(const drc_extractor *extractor, drc_bundle_info *info);

/* The foreground of one picture, from noise.
 *
 * steps: 0 takes the bundle's cold_steps.
 * probability: height x width bytes at the picture's own size, rows `stride` bytes apart; 255 is certainly foreground.
 * result: may be NULL.
 */
DRC_API drc_status drc_extract(drc_extractor *extractor, const drc_picture *picture, int32_t steps,
                               uint8_t *probability, size_t stride, drc_result *result);

/* Follows a video: each frame starts where the last one's chain ended, the first one from noise.
 * steps: a frame; 0 takes the bundle's track_steps. */
DRC_API drc_status drc_track_open(drc_extractor *extractor, int32_t steps, drc_track **track);
DRC_API drc_status drc_track_step(drc_track *track, const drc_picture *picture, uint8_t *probability, size_t stride,
                                  drc_result *result);
DRC_API void drc_track_close(drc_track *track); /* NULL is let be */

#ifdef __cplusplus
}
#endif

#endif
