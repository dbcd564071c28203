/* What every file needs: the language helpers the style rests on.
 *
 * Knows only libc. Safe on any thread.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1 in builds with AddressSanitizer, else 0: GCC has a macro for it, Clang a feature test. */
#if defined(__SANITIZE_ADDRESS__)
#    define SLB_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define SLB_ASAN 1
#    endif
#endif
#ifndef SLB_ASAN
#    define SLB_ASAN 0
#endif

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define LIKELY(x)              __builtin_expect(!!(x), 1)
#define UNLIKELY(x)            __builtin_expect(!!(x), 0)
#define COLD                   __attribute__((cold)) /* rarely called: kept out of the way of what is not */
#define CACHE_LINE             64u
#define CACHE_ALIGNED          __attribute__((aligned(CACHE_LINE)))
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                          \
    ({                                     \
        __typeof__(a) min_a_ = (a);        \
        __typeof__(b) min_b_ = (b);        \
        min_a_ < min_b_ ? min_a_ : min_b_; \
    })
#define MAX(a, b)                          \
    ({                                     \
        __typeof__(a) max_a_ = (a);        \
        __typeof__(b) max_b_ = (b);        \
        max_a_ > max_b_ ? max_a_ : max_b_; \
    })

/* The struct that a member is part of. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* CLEANUP(group_unref) struct group *group = NULL;
 * calls group_unref(group) when group goes out of scope. */
#define CLEANUP(func) __attribute__((cleanup(func##_ptr)))
#define DEFINE_CLEANUP(type, func)            \
    static inline void func##_ptr(type **ptr) \
    {                                         \
        (void)func(*ptr);                     \
    }

/* Hands ownership over: yields the pointer and leaves NULL behind. */
#define TAKE(ptr)                       \
    ({                                  \
        __typeof__(ptr) taken_ = (ptr); \
        (ptr) = NULL;                   \
        taken_;                         \
    })

/* malloc, calloc and realloc for sizes that configuration or the code bounds: they abort when memory
 * is gone, because nothing sensible can be done without a few hundred bytes. What a peer can
 * make grow comes from a budgeted pool instead (base/chunk.h). */
void *base_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *base_zalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *base_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *base_realloc(void *ptr, size_t size) __attribute__((alloc_size(2), returns_nonnull));
char *base_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *base_strndup(const char *text, size_t n) __attribute__((malloc, returns_nonnull));

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets
