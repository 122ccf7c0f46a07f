/* Coroutines over <ucontext.h>: two contexts, its own and its caller's, of which one stands.
 *
 *     caller   coroutine_go_on() --+          +--> ...  coroutine_go_on() --+          +--> ...
 *                                  v          |                             v          |
 *     run()                        ... coroutine_stop()                     ...     return
 *
 * All is one thread: nothing runs beside anything else. Below the stack lies a page that may not be touched, so that
 * one that is too small ends the program instead of writing elsewhere.
 *
 * POSIX no longer has these calls; the C libraries of Linux, macOS and the BSDs do, and for musl there is libucontext.
 * A switch is two system calls, less than a microsecond together. AddressSanitizer has to be told of it. */
#ifdef __APPLE__
#define _XOPEN_SOURCE    600 /* there it has them with this alone, */
#define _DARWIN_C_SOURCE     /* which would take away the rest */
#endif
#include "coroutine.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifdef ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

struct coroutine_stack {
    ucontext_t own, caller;
    char *memory; /* the page below, and the stack */
    size_t memory_bytes, page_bytes;
    void *fake;               /* AddressSanitizer's, of who stands */
    const void *caller_stack; /* for it */
    size_t caller_bytes;
};

void coroutine_init(struct coroutine *coroutine, void (*run)(struct coroutine *coroutine))
{
    *coroutine = (struct coroutine){.run = run};
}

void coroutine_release(struct coroutine *coroutine)
{
    ASSERT(!coroutine->active);
    if (coroutine->stack == NULL)
        return;
    munmap(coroutine->stack->memory, coroutine->stack->memory_bytes);
    free(coroutine->stack);
    coroutine->stack = NULL;
}

static void make_stack(struct coroutine *coroutine)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), bytes = COROUTINE_STACK_BYTES + page_bytes;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(memory != MAP_FAILED);
    ASSERT(mprotect(memory, page_bytes, PROT_NONE) == 0);
    coroutine->stack = xcalloc(1, sizeof *coroutine->stack);
    coroutine->stack->memory = memory;
    coroutine->stack->memory_bytes = bytes;
    coroutine->stack->page_bytes = page_bytes;
}

/* ---- switches, and what AddressSanitizer wants to know of them ------------------------------------------------------- */

/* Before a switch to that stack. `ends`: who leaves never comes back. */
static void leaves(struct coroutine_stack *stack, bool ends, const void *to, size_t to_bytes)
{
#ifdef ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(ends ? NULL : &stack->fake, to, to_bytes);
#else
    (void)stack, (void)ends, (void)to, (void)to_bytes;
#endif
}

/* After a switch. `fake`: what was noted when this side was left, NULL on a new stack. */
static void arrives(struct coroutine_stack *stack, void *fake, bool from_caller)
{
#ifdef ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(fake, from_caller ? &stack->caller_stack : NULL,
                                    from_caller ? &stack->caller_bytes : NULL);
#else
    (void)stack, (void)fake, (void)from_caller;
#endif
}

static void enter(unsigned high, unsigned low)
{
    /* makecontext() passes ints */
    struct coroutine *coroutine = (struct coroutine *)(uintptr_t)((uint64_t)high << 32 | low);
    arrives(coroutine->stack, NULL, true);
    coroutine->run(coroutine);
    coroutine->active = coroutine->inside = false;
    leaves(coroutine->stack, true, coroutine->stack->caller_stack, coroutine->stack->caller_bytes);
}

void coroutine_go_on(struct coroutine *coroutine)
{
    ASSERT(!coroutine->inside);
    if (coroutine->stack == NULL)
        make_stack(coroutine);
    struct coroutine_stack *stack = coroutine->stack;
    char *own = stack->memory + stack->page_bytes;
    if (!coroutine->active) {
        ASSERT(getcontext(&stack->own) == 0);
        stack->own.uc_stack.ss_sp = own;
        stack->own.uc_stack.ss_size = COROUTINE_STACK_BYTES;
        stack->own.uc_link = &stack->caller;
        makecontext(&stack->own, (void (*)(void))enter, 2, (unsigned)((uint64_t)(uintptr_t)coroutine >> 32),
                    (unsigned)(uintptr_t)coroutine);
    }
    coroutine->active = coroutine->inside = true;
    leaves(stack, false, own, COROUTINE_STACK_BYTES);
    void *fake = stack->fake;
    ASSERT(swapcontext(&stack->caller, &stack->own) == 0);
    arrives(stack, fake, false);
}

void coroutine_stop(struct coroutine *coroutine)
{
    struct coroutine_stack *stack = coroutine->stack;
    ASSERT(coroutine->inside);
    coroutine->inside = false;
    leaves(stack, false, stack->caller_stack, stack->caller_bytes);
    void *fake = stack->fake;
    ASSERT(swapcontext(&stack->own, &stack->caller) == 0);
    arrives(stack, fake, true);
}
