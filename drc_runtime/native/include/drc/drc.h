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
 * No function ends the process or throws. A function that can fail returns a status; drc_last_error() then describes in
 * one line what is wrong and what to do. An extractor and its tracks belong to one thread at a time; several extractors
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
    DRC_ERROR_USAGE = 1,          /* an argument is out of range or NULL */
    DRC_ERROR_BUNDLE_MISSING = 2, /* the bundle, or a file that it names, does not exist or cannot be read */
    DRC_ERROR_BUNDLE_DAMAGED = 3, /* a file does not match the manifest, or is not valid */
    DRC_ERROR_BUNDLE_VERSION = 4, /* the bundle has another format version */
    DRC_ERROR_BUNDLE_UNSAFE = 5,  /* the bundle refers to files or code outside its folder */
    DRC_ERROR_PROVIDER = 6,       /* this ONNX Runtime lacks the execution provider, or the provider does not start here */
    DRC_ERROR_ENGINE = 7,         /* ONNX Runtime cannot load or run the graph */
    DRC_ERROR_DIVERGED = 8,       /* the chain left the range of float32; a track restarts from noise with its next frame */
    DRC_ERROR_MEMORY = 9          /* out of memory */
} drc_status;

/* What the mask's 8-bit probabilities are. */
typedef enum drc_mask_kind {
    DRC_MASK_RESPONSIBILITY = 0, /* Eq. 7: mixture weight and likelihood of the image's pixels */
    DRC_MASK_MIXTURE = 1         /* the mixture weight pi_f alone */
} drc_mask_kind;

typedef enum drc_pixel_format {
    DRC_RGB = 0, /* 3 bytes a pixel: red, green, blue */
    DRC_BGR = 1  /* 3 bytes a pixel: blue, green, red, as in OpenCV */
} drc_pixel_format;

/* What of a fixed camera's state may change, see docs/background.md. */
typedef enum drc_adapt {
    DRC_ADAPT_ALL = 0,    /* background, scale and light */
    DRC_ADAPT_LIGHT = 1,  /* gain and offset of the light alone, once the first second has shown a background */
    DRC_ADAPT_NOTHING = 2 /* neither */
} drc_adapt;

#define DRC_ABSORB_SECONDS 1800.0 /* the default: a thing that stays for half an hour becomes background */
#define DRC_FRAME_SECONDS 0.04    /* time between two frames where nothing else is known */

typedef struct drc_extractor drc_extractor; /* a loaded bundle */
typedef struct drc_track drc_track;         /* the state of one video */
typedef struct drc_prior drc_prior;         /* samples of a bundle's prior */

/* Initialise parameters with the default functions: then a program keeps working with a later libdrc that has more of them. */
typedef struct drc_extractor_params {
    size_t struct_size;   /* size of the struct in the program's header, set by the default function */
    int32_t threads;      /* CPU cores to use; 0: all that this process may use */
    int32_t mask;         /* a drc_mask_kind */
    uint64_t seed;        /* of the noise that cold starts begin from, from 0 to 2^64 - 1 */
    const char *provider; /* "CPU", "CUDA", "TensorRT" or "XNNPACK", if this ONNX Runtime has it; NULL: CPU */
    int32_t from_noise;   /* 1: chains begin at noise although the bundle has an initialiser; 0: where the bundle says */
} drc_extractor_params;

typedef struct drc_track_params {
    size_t struct_size; /* as above */
    int32_t steps;      /* for an ordinary frame; 0: the bundle's track_steps */
    int32_t budget;     /* the most steps for a frame after the first, where the scene has changed; 0: no limit */
    int32_t adapt;      /* a drc_adapt; like `absorb` without effect on a model that is not of any fixed camera */
    double absorb;      /* seconds from 1 to 1e9 after which a thing that stays becomes background; 0: never */
} drc_track_params;

#define DRC_PRIOR_STEPS 60 /* K0 of Appendix B */

typedef struct drc_prior_params {
    size_t struct_size;   /* as above */
    int32_t threads;      /* as above */
    int32_t steps;        /* Langevin steps of each sample, from noise; 0 draws from N(0, I), the prior of amortised inference */
    uint64_t seed;        /* of the noise; the same seed gives the samples that `drc sample` draws */
    const char *provider; /* as above */
} drc_prior_params;

/* Where a sample goes; NULL: that part is not wanted. Tensors have the network's size, rows without gaps, red first. */
typedef struct drc_prior_sample {
    float *image;      /* 3 x height x width in [-1, 1]: the regions, mixed by the mask */
    float *foreground; /* likewise */
    float *background; /* likewise, re-assigned */
    float *mask;       /* height x width in [0, 1]: the mixture weight pi_f */
    float *energy;     /* one number: of Eq. 2, before the last step; not a number without steps */
} drc_prior_sample;

/* An image of any size; calls only read it. */
typedef struct drc_image {
    const uint8_t *pixels;
    int32_t width, height;
    size_t stride;  /* bytes from one row to the next */
    int32_t format; /* a drc_pixel_format */
} drc_image;

typedef struct drc_result {
    float log_posterior;     /* of the latent that the mask was read from, without constants */
    int32_t steps;           /* Langevin steps taken */
    double foreground_share; /* share of the pixels with a probability of 128 or more, in [0, 1] */
    float milliseconds;        /* duration of the call */
    float engine_milliseconds; /* the part of it in ONNX Runtime */
} drc_result;

/* What fits into the time of a frame. */
typedef struct drc_calibration {
    int32_t steps;            /* for an ordinary frame: what fits, at most the bundle's track_steps */
    int32_t budget;           /* for a frame where the scene has changed: all that fits, at least `steps` */
    float step_milliseconds;  /* duration of one step */
    float frame_milliseconds; /* duration of everything in a frame except its steps */
} drc_calibration;

typedef struct drc_bundle_info {
    const char *name;              /* valid as long as the extractor */
    int32_t height, width;         /* of the network's image */
    int32_t latent_size;           /* numbers in z */
    int32_t cold_steps, track_steps; /* steps of a chain that has no frame before it, and for each further frame of a video */
} drc_bundle_info;

/* "0.1.0" */
DRC_API const char *drc_version(void);

/* The message of the last call that failed in this thread, or an empty string. Never NULL. */
DRC_API const char *drc_last_error(void);

/* Defined in the header, so that struct_size is the program's and not the library's. */
static inline drc_extractor_params drc_extractor_default_params(void) {
    drc_extractor_params params = {sizeof(drc_extractor_params), 0, DRC_MASK_RESPONSIBILITY, 0, NULL, 0};
    return params;
}

static inline drc_track_params drc_track_default_params(void) {
    drc_track_params params = {sizeof(drc_track_params), 0, 0, DRC_ADAPT_ALL, DRC_ABSORB_SECONDS};
    return params;
}

static inline drc_prior_params drc_prior_default_params(void) {
    drc_prior_params params = {sizeof(drc_prior_params), 0, DRC_PRIOR_STEPS, 0, NULL};
    return params;
}

/* Loads and checks the bundle in the folder `bundle`; params NULL: the defaults. On failure *extractor is NULL. */
DRC_API drc_status drc_extractor_open(const char *bundle, const drc_extractor_params *params, drc_extractor **extractor);
DRC_API void drc_extractor_close(drc_extractor *extractor); /* NULL is allowed; close its tracks first */
DRC_API drc_status drc_extractor_info(const drc_extractor *extractor, drc_bundle_info *info);

/* 1 if the bundle's model is for the video of any fixed camera, whose background the track learns while it runs; else 0, also for
 * NULL. Only tracks can use such a model. */
DRC_API int32_t drc_extractor_is_for_fixed_camera(const drc_extractor *extractor);

/* Extracts the foreground of one image, starting from noise.
 *
 * steps: 0 takes the bundle's cold_steps.
 * probability: height x width bytes at the image's own size, rows `stride` bytes apart; 0 is background, 255 is foreground.
 * result: may be NULL.
 */
DRC_API drc_status drc_extract(drc_extractor *extractor, const drc_image *image, int32_t steps,
                               uint8_t *probability, size_t stride, drc_result *result);

/* Measures how many steps fit at `rate` frames a second. It runs a few frames of `image`, which takes a fraction of a second. */
DRC_API drc_status drc_calibrate(drc_extractor *extractor, const drc_image *image, double rate,
                                 drc_calibration *calibration);

/* Tracks a video: each frame's chain starts from the last frame's latent, the first one from noise. A frame with a low
 * log-posterior, compared with the frames before, gets more steps; after several in a row a second chain starts from noise.
 * params NULL: the defaults. On failure *track is NULL. */
DRC_API drc_status drc_track_open(drc_extractor *extractor, const drc_track_params *params, drc_track **track);
DRC_API drc_status drc_track_step(drc_track *track, const drc_image *image, uint8_t *probability, size_t stride,
                                  drc_result *result);
/* As drc_track_step, `seconds` (0 to 3600) after the frame before: a fixed camera's state learns by time. drc_track_step takes
 * DRC_FRAME_SECONDS. */
DRC_API drc_status drc_track_step_after(drc_track *track, const drc_image *image, double seconds, uint8_t *probability,
                                        size_t stride, drc_result *result);
/* Takes away the oldest line on what happened to a fixed camera ("the camera has moved by 2.1 % of the picture; its background
 * follows"), valid until the next call with this track. NULL: there is none. */
DRC_API const char *drc_track_take_notice(drc_track *track);
DRC_API int32_t drc_track_restarts(const drc_track *track); /* chains started from noise after the first; 0 for NULL */
DRC_API void drc_track_close(drc_track *track);             /* NULL is allowed */

/* Draws from what a model has learned to imagine (Fig. S20). The bundle needs the graph `render`, and for a chain `prior_step`; a
 * model of any fixed camera has no pictures of its own. params NULL: the defaults. On failure *prior is NULL. */
DRC_API drc_status drc_prior_open(const char *bundle, const drc_prior_params *params, drc_prior **prior);
DRC_API drc_status drc_prior_info(const drc_prior *prior, drc_bundle_info *info); /* cold_steps are those from noise */
DRC_API drc_status drc_prior_draw(drc_prior *prior, const drc_prior_sample *sample); /* the next sample */
DRC_API void drc_prior_close(drc_prior *prior);                                      /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
