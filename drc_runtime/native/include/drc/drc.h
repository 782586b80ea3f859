/* libdrc: foreground masks for images and live video, from a bundle folder that `drc export` wrote.
 *
 *     drc_extractor_params params = drc_extractor_default_params();
 *     drc_extractor *extractor = NULL;
 *     drc_track *track = NULL;
 *     if (drc_extractor_open("bundle", &params, &extractor) != DRC_OK ||
 *         drc_track_open(extractor, NULL, &track) != DRC_OK) {
 *         fprintf(stderr, "%s\n", drc_last_error());
 *         return 1;
 *     }
 *     while (read_frame(pixels)) {
 *         drc_image image = {pixels, 1280, 720, 3 * 1280, DRC_RGB};
 *         if (drc_track_step(track, &image, mask, 1280, NULL) != DRC_OK) { ... }
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
    DRC_ERROR_USAGE = 1,          /* an argument cannot work */
    DRC_ERROR_BUNDLE_MISSING = 2, /* the bundle, or a file that it names, is not there or may not be read */
    DRC_ERROR_BUNDLE_DAMAGED = 3, /* a file is not the one that the manifest describes, or not what it should be */
    DRC_ERROR_BUNDLE_VERSION = 4, /* the bundle is of another version */
    DRC_ERROR_BUNDLE_UNSAFE = 5,  /* the bundle could reach outside of its own files */
    DRC_ERROR_PROVIDER = 6,       /* this ONNX Runtime lacks the execution provider, or it does not start here */
    DRC_ERROR_ENGINE = 7,         /* ONNX Runtime cannot load or run the graph */
    DRC_ERROR_DIVERGED = 8,       /* the chain left the range of float32; a track begins anew with its next frame */
    DRC_ERROR_MEMORY = 9          /* out of memory */
} drc_status;

/* What the 8-bit probabilities are. */
typedef enum drc_mask_kind {
    DRC_MASK_RESPONSIBILITY = 0, /* of the foreground for the image's own pixels (Eq. 7) */
    DRC_MASK_MIXTURE = 1         /* the network's mixture weight alone */
} drc_mask_kind;

typedef enum drc_pixel_format {
    DRC_RGB = 0, /* 3 bytes a pixel: red, green, blue */
    DRC_BGR = 1  /* 3 bytes a pixel: blue, green, red, as OpenCV has them */
} drc_pixel_format;

typedef struct drc_extractor drc_extractor; /* a loaded bundle */
typedef struct drc_track drc_track;         /* the state of one video */

/* Parameters come from a default function, so that a program still works with a later libdrc that knows more of them. */
typedef struct drc_extractor_params {
    size_t struct_size;   /* of the struct that the program was built with; the default function fills it in */
    int32_t threads;      /* cores that a run may use; 0: all that this process may run on */
    int32_t mask;         /* a drc_mask_kind */
    uint64_t seed;        /* of the noise that cold starts begin from */
    const char *provider; /* "CPU", "CUDA", "TensorRT" or "XNNPACK", if this ONNX Runtime has it; NULL: CPU */
} drc_extractor_params;

typedef struct drc_track_params {
    size_t struct_size; /* as above */
    int32_t steps;      /* for an ordinary frame; 0: the bundle's track_steps */
    int32_t budget;     /* the most for a frame after the first, where the scene has changed; 0: no limit */
} drc_track_params;

/* An image of any size, which the call only reads. */
typedef struct drc_image {
    const uint8_t *pixels;
    int32_t width, height;
    size_t stride;  /* bytes from one row to the next */
    int32_t format; /* a drc_pixel_format */
} drc_image;

typedef struct drc_result {
    float log_posterior;     /* of the latent that the mask comes from, without constants */
    int32_t steps;           /* Langevin steps taken */
    double foreground_share; /* share of the pixels whose probability is 128 or more, in [0, 1] */
    float milliseconds;        /* that the whole call took */
    float engine_milliseconds; /* of them inside ONNX Runtime */
} drc_result;

/* What fits into the time from one frame to the next. */
typedef struct drc_calibration {
    int32_t steps;            /* for an ordinary frame: what fits, but not more than the bundle's track_steps */
    int32_t budget;           /* for a frame on which the scene has changed: all that fits, at least `steps` */
    float step_milliseconds;
    float frame_milliseconds; /* what a frame costs beside its steps */
} drc_calibration;

typedef struct drc_bundle_info {
    const char *name;              /* lives as long as the extractor */
    int32_t height, width;         /* of the network's image */
    int32_t latent_size;           /* numbers in z */
    int32_t cold_steps, track_steps; /* steps from noise, and for each further frame of a video */
} drc_bundle_info;

/* "0.1.0" */
DRC_API const char *drc_version(void);

/* What the last call that failed in this thread had to say; an empty text before any did. Never NULL. */
DRC_API const char *drc_last_error(void);

/* In the header, so that struct_size is that of the program and not that of the library. */
static inline drc_extractor_params drc_extractor_default_params(void) {
    drc_extractor_params params = {sizeof(drc_extractor_params), 0, DRC_MASK_RESPONSIBILITY, 0, NULL};
    return params;
}

static inline drc_track_params drc_track_default_params(void) {
    drc_track_params params = {sizeof(drc_track_params), 0, 0};
    return params;
}

/* Loads and checks the bundle in the folder `bundle`; params NULL: the defaults. On failure *extractor is NULL. */
DRC_API drc_status drc_extractor_open(const char *bundle, const drc_extractor_params *params, drc_extractor **extractor);
DRC_API void drc_extractor_close(drc_extractor *extractor); /* NULL is let be; close its tracks first */
DRC_API drc_status drc_extractor_info(const drc_extractor *extractor, drc_bundle_info *info);

/* The foreground of one image, from noise.
 *
 * steps: 0 takes the bundle's cold_steps.
 * probability: height x width bytes at the image's own size, rows `stride` bytes apart; 255 is certainly foreground.
 * result: may be NULL.
 */
DRC_API drc_status drc_extract(drc_extractor *extractor, const drc_image *image, int32_t steps,
                               uint8_t *probability, size_t stride, drc_result *result);

/* Times a few frames of `image`, which takes a fraction of a second: how many steps fit `rate` frames a second. */
DRC_API drc_status drc_calibrate(drc_extractor *extractor, const drc_image *image, double rate,
                                 drc_calibration *calibration);

/* Follows a video: each frame starts where the last one's chain ended, the first one from noise. A frame that the chain
 * explains worse than those before gets more steps, and after some of them in a row a second chain starts from noise.
 * params NULL: the defaults. On failure *track is NULL. */
DRC_API drc_status drc_track_open(drc_extractor *extractor, const drc_track_params *params, drc_track **track);
DRC_API drc_status drc_track_step(drc_track *track, const drc_image *image, uint8_t *probability, size_t stride,
                                  drc_result *result);
DRC_API int32_t drc_track_restarts(const drc_track *track); /* chains started from noise after the first; 0 for NULL */
DRC_API void drc_track_close(drc_track *track);             /* NULL is let be */

#ifdef __cplusplus
}
#endif

#endif
